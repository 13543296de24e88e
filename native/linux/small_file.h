// Linux: files of proc(5), which the kernel makes out of memory when they are read.
#pragma once

#include <cstddef>

namespace prefork {

// Reads the beginning of a file into `text`, with a NUL behind it; false, with errno where there is
// one, when it cannot be read or is empty. Takes no memory of the heap, and never waits.
bool ReadSmallFile(const char* path, char* text, std::size_t size);

}  // namespace prefork
