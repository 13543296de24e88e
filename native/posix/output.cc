#include "native/posix/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

// The bytes of one call that does not wait; the call is repeated when a signal interrupted it.
template <typename Call>
std::size_t Taken(const char* syscall, Call call) {
  for (;;) {
    const ssize_t written = call();
    if (written >= 0) return static_cast<std::size_t>(written);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno != EINTR) throw SysError(errno, syscall);
  }
}

// The last resort: another writer may fill the pipe between the two calls. A pipe that poll(2)
// calls writable takes PIPE_BUF bytes, so that a lone writer never waits.
std::size_t WritePolled(int fd, const char* data, std::size_t size) {
  pollfd item = {fd, POLLOUT, 0};
  const int ready = poll(&item, 1, 0);
  if (ready < 0 && errno != EINTR) throw SysError(errno, "poll");
  if (ready <= 0) return 0;
  const std::size_t most = std::min<std::size_t>(size, PIPE_BUF);
  return Taken("write", [&] { return write(fd, data, most); });
}

bool ReplaceByNothing(int fd) {
  const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  return nothing && dup2(nothing.Get(), fd) >= 0;
}

bool HungUp(int fd) {
  termios settings;
  // EIO is the answer of a terminal that has hung up, ENOTTY that of every other file.
  return tcgetattr(fd, &settings) != 0 && errno == EIO;
}

}  // namespace

std::size_t WriteNow(int fd, const char* data, std::size_t size) {
  struct stat file;
  if (fstat(fd, &file) != 0) throw SysError(errno, "fstat");
  if (S_ISSOCK(file.st_mode))
    return Taken("send", [&] { return send(fd, data, size, MSG_DONTWAIT); });
  const bool pipe = S_ISFIFO(file.st_mode);
  if (!pipe && !S_ISCHR(file.st_mode)) return Taken("write", [&] { return write(fd, data, size); });
  if (pipe) {
    bool supported = true;
    const std::size_t taken = Taken("write", [&]() -> ssize_t {
      const ssize_t written = WriteWithoutWaiting(fd, data, size);
      supported = written >= 0 || errno != EOPNOTSUPP;
      return supported ? written : 0;
    });
    if (supported) return taken;
  }
  // Of the other devices only a terminal may be opened without a side effect.
  if (pipe || isatty(fd) == 1) {
    const UniqueFd own = ReopenForWriting(fd);
    if (own) return Taken("write", [&] { return write(own.Get(), data, size); });
    // fifo(7): no process has it open for reading. tty: it has hung up.
    if (errno == ENXIO) throw SysError(EPIPE, "open");
    if (errno == EIO) throw SysError(EIO, "open");
    // The rest: another user's terminal, no descriptor left, no /proc.
  }
  return WritePolled(fd, data, size);
}

bool ReplaceDeadTerminals() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (!HungUp(fd)) continue;
    if (!ReplaceByNothing(fd)) return false;
  }
  return true;
}

void ReplaceFullStderr() {
  constexpr int kTimeForReaderMs = 1000;
  pollfd item = {STDERR_FILENO, POLLOUT, 0};
  // After a signal, or without a free descriptor, the process may hang, as without this.
  if (poll(&item, 1, kTimeForReaderMs) == 0) ReplaceByNothing(STDERR_FILENO);
}

}  // namespace prefork
