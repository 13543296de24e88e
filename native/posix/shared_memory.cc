#include "native/posix/shared_memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "native/core/sys_error.h"

namespace prefork {

SharedMemory::SharedMemory(int fd, off_t size, off_t offset, std::size_t length) {
  struct stat found = {};
  if (fstat(fd, &found) != 0) throw SysError(errno, "fstat");
  if (found.st_size != size)
    throw SysError(EINVAL, "mmap").Advise("the descriptor is not the shared memory of a fleet");
  // mmap(2) begins at a page.
  const auto page = static_cast<off_t>(sysconf(_SC_PAGESIZE));
  skipped_ = static_cast<std::size_t>(offset % page);
  length_ = skipped_ + length;
  pages_ = mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                offset - static_cast<off_t>(skipped_));
  if (pages_ == MAP_FAILED) throw SysError(errno, "mmap");
}

SharedMemory::~SharedMemory() { munmap(pages_, length_); }

}  // namespace prefork
