// Descriptors that are close-on-exec from birth: SOCK_CLOEXEC and pipe2(2) leave no window in which
// another thread's fork could carry them away.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"

namespace prefork {

UniqueFd OpenSocket(int domain, int type) {
  UniqueFd fd(socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw SysError(errno, "socket");
  return fd;
}

std::pair<UniqueFd, UniqueFd> MakeSocketPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    throw SysError(errno, "socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::pair<UniqueFd, UniqueFd> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) throw SysError(errno, "pipe2");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace prefork
