#include "native/posix/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"

namespace prefork {

// macOS has no memory without a name, so it has one for a moment. PSHMNAMLEN allows 31 characters
// of it, so `name` is not part of it. ftruncate(2) sizes such memory once: no worker can make it
// smaller.
UniqueFd MakeSharedMemory(const char*, off_t size) {
  static std::atomic<unsigned> made{0};
  for (;;) {
    const std::string name = "/prefork." + std::to_string(getpid()) + "." + std::to_string(made++);
    UniqueFd fd(shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR));
    // Left behind by a process that was killed in between.
    if (!fd && errno == EEXIST) continue;
    if (!fd) throw SysError(errno, "shm_open");
    if (shm_unlink(name.c_str()) != 0) throw SysError(errno, "shm_unlink");
    SetCloseOnExec(fd.Get());
    if (ftruncate(fd.Get(), size) != 0) throw SysError(errno, "ftruncate");
    return fd;
  }
}

}  // namespace prefork
