// Memory that a master and its workers share: a descriptor without a name in any file system.
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "native/posix/unique_fd.h"

namespace prefork {

// Close-on-exec, filled with zeros, and of this size for ever. `name`: for tools that list
// descriptors, where the system shows it. Throws SysError.
UniqueFd MakeSharedMemory(const char* name, off_t size);

// A part of it in this process.
class SharedMemory {
 public:
  // The descriptor stays the caller's. `size`: of the whole memory, in bytes, a multiple of every
  // page size; another one is refused, because a missing page would end the process. Throws
  // SysError.
  SharedMemory(int fd, off_t size, off_t offset, std::size_t length);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void* data() const { return static_cast<char*>(pages_) + skipped_; }

 private:
  void* pages_;
  // From the beginning of the first page to what was asked for.
  std::size_t skipped_;
  std::size_t length_;
};

}  // namespace prefork
