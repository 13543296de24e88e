#include "native/posix/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

// memfd_create(2), which glibc has since 2.27 only. From linux/memfd.h.
constexpr unsigned kCloseOnExec = 1;
constexpr unsigned kAllowSealing = 2;

}  // namespace

UniqueFd MakeSharedMemory(const char* name, off_t size) {
  UniqueFd fd(static_cast<int>(syscall(SYS_memfd_create, name, kCloseOnExec | kAllowSealing)));
  if (!fd) throw SysError(errno, "memfd_create");
  if (ftruncate(fd.Get(), size) != 0) throw SysError(errno, "ftruncate");
  // A missing page would end every process that reads it, with SIGBUS.
  if (fcntl(fd.Get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    throw SysError(errno, "fcntl(F_ADD_SEALS)");
  return fd;
}

}  // namespace prefork
