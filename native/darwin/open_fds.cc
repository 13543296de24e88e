// macOS has neither SOCK_CLOEXEC nor pipe2(2): between the birth of a descriptor and FD_CLOEXEC
// another thread's fork and exec could carry it away. Processes that posix_spawn(2) makes with
// POSIX_SPAWN_CLOEXEC_DEFAULT, ours (darwin/spawn.cc) and those of libuv (src/unix/process.c), take
// no descriptor that is not named. Only a fork(2) by other code still could.
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

// The default of Linux. The 8 KiB of net.local.stream.sendspace cut a long message in two, and the
// half that a non-blocking writer could not write is lost when it dies.
constexpr int kPairBuffer = 208 * 1024;

void SetOption(int fd, int option, int value) {
  if (setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) != 0)
    throw SysError(errno, "setsockopt");
}

}  // namespace

UniqueFd OpenSocket(int domain, int type) {
  UniqueFd fd(socket(domain, type, 0));
  if (!fd) throw SysError(errno, "socket");
  SetCloseOnExec(fd.Get());
  SetNonBlocking(fd.Get());
  return fd;
}

std::pair<UniqueFd, UniqueFd> MakeSocketPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) throw SysError(errno, "socketpair");
  std::pair<UniqueFd, UniqueFd> pair(fds[0], fds[1]);
  for (const int fd : fds) {
    SetCloseOnExec(fd);
    // The other end may die at any time, and not every worker ignores SIGPIPE; there is no
    // MSG_NOSIGNAL for write(2) anywhere, but here the socket can carry it.
    SetOption(fd, SO_NOSIGPIPE, 1);
    SetOption(fd, SO_SNDBUF, kPairBuffer);
    SetOption(fd, SO_RCVBUF, kPairBuffer);
  }
  return pair;
}

std::pair<UniqueFd, UniqueFd> MakePipe() {
  int fds[2];
  if (pipe(fds) != 0) throw SysError(errno, "pipe");
  std::pair<UniqueFd, UniqueFd> ends(fds[0], fds[1]);
  for (const int fd : fds) SetCloseOnExec(fd);
  return ends;
}

}  // namespace prefork
