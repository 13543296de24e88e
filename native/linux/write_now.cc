#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "native/posix/output.h"

namespace prefork {
namespace {

// <linux/fs.h> has it under a name that older headers lack.
constexpr int kNoWait = 0x00000008;

}  // namespace

// RWF_NOWAIT is O_NONBLOCK for one call, preadv2(2); pipes know it since Linux 6.4. The system call
// itself, because musl has the function since 1.2.5 only.
ssize_t WriteWithoutWaiting(int fd, const char* data, std::size_t size) {
  const iovec piece = {const_cast<char*>(data), size};
  // Both halves of the offset -1: the file's own position.
  const long written = syscall(SYS_pwritev2, fd, &piece, 1L, -1L, -1L, kNoWait);
  // ENOSYS before Linux 4.6; EINVAL before 4.13, which knows no such flag; EPERM from a filter.
  if (written < 0 && (errno == ENOSYS || errno == EINVAL || errno == EPERM)) errno = EOPNOTSUPP;
  return static_cast<ssize_t>(written);
}

// proc(5): opening an entry of /proc/self/fd opens the file itself once more.
UniqueFd ReopenForWriting(int fd) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return UniqueFd(open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

}  // namespace prefork
