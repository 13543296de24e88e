// Linux: memory that malloc(3) keeps although nobody uses it.
#pragma once

namespace prefork {

// Gives it back to the kernel. Does nothing where the C library cannot.
void ReleaseFreeMemory();

}  // namespace prefork
