// Linux: the guard of an address shared through SO_REUSEPORT, and the fill of an accept queue.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "native/core/sys_error.h"
#include "native/linux/sock_diag.h"
#include "native/posix/fd.h"
#include "native/posix/listener.h"

namespace prefork {
namespace {

constexpr int kLockAttempts = 1000;
constexpr long kLockPauseNs = 1000 * 1000;

// A mutex between processes that needs no file and vanishes with its holder: an abstract unix name,
// unix(7), is per network namespace, exactly as a port is.
UniqueFd LockPort(const TcpAddress& address) {
  const std::string name =
      "prefork-guard:" + std::to_string(geteuid()) + ":" + std::to_string(address.port);
  sockaddr_un raw = {};
  raw.sun_family = AF_UNIX;
  memcpy(raw.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    UniqueFd fd = OpenSocket(AF_UNIX, SOCK_STREAM);
    if (bind(fd.Get(), reinterpret_cast<const sockaddr*>(&raw), length) == 0) return fd;
    if (errno != EADDRINUSE) throw SysError(errno, "bind").At(address.address, address.port);
    // The kernel has no call that waits for a name to become free. The holder needs microseconds,
    // and a master does this only at its start, so a bounded number of pauses is enough.
    const timespec pause = {0, kLockPauseNs};
    nanosleep(&pause, nullptr);
  }
  throw SysError(EADDRINUSE, "bind")
      .At(address.address, address.port)
      .Advise("the abstract unix socket @" + name +
              " stayed taken: another master is stuck at its start");
}

// 0, or -1 with errno: ENOTSUP when the answer is too short for the fields of a queue. qemu in user
// mode returns the first four bytes only: do_getsockopt() in its linux-user/syscall.c takes every
// option of TCP for an int. The missing fields would read as an empty queue with a limit of 0.
int GetTcpInfo(int fd, tcp_info* info) {
  socklen_t length = sizeof *info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) != 0) return -1;
  if (length >= offsetof(tcp_info, tcpi_sacked) + sizeof info->tcpi_sacked) return 0;
  errno = ENOTSUP;
  return -1;
}

}  // namespace

UniqueFd GuardTcp(const TcpAddress& address) {
  UniqueFd fd = OpenTcpSocket(address);
  SetSocketFlag(fd.Get(), SO_REUSEADDR, "SO_REUSEADDR", true, address);
  // Bound *without* SO_REUSEPORT, the guard meets every listener and every guard of another master
  // as a conflict; with SO_REUSEPORT afterwards it lets the sockets of its own workers join.
  // SO_REUSEADDR is only for the TIME_WAITs of the last run. Two masters at one instant would both
  // pass, because two SO_REUSEADDR sockets that do not listen may share a port:
  //   A bind | B bind | A flags | B flags
  // so bind and flags happen under a lock. Port 0 needs none: the kernel hands a number out once.
  UniqueFd lock;
  if (address.port != 0) lock = LockPort(address);
  BindTcp(fd.Get(), address);
  SetSocketFlag(fd.Get(), SO_REUSEPORT, "SO_REUSEPORT", true, address);
  SetSocketFlag(fd.Get(), SO_REUSEADDR, "SO_REUSEADDR", false, address);
  return fd;
}

int TryQueueInfo(int fd) {
  tcp_info info = {};
  return GetTcpInfo(fd, &info);
}

QueueFill ReadQueue(int fd) {
  tcp_info info = {};
  if (GetTcpInfo(fd, &info) != 0) {
    // A unix socket has no such level: EOPNOTSUPP, on older kernels ENOPROTOOPT.
    const bool unsupported = errno == EOPNOTSUPP || errno == ENOPROTOOPT;
    if (unsupported && NameOf(fd).family == Family::kUnix) return UnixQueue(fd);
    throw SysError(unsupported ? ENOTSUP : errno, "getsockopt");
  }
  if (info.tcpi_state != TCP_LISTEN)
    throw SysError(EINVAL, "getsockopt").Advise("the socket does not listen");
  // For a listener tcp_get_info() reports sk_ack_backlog and sk_max_ack_backlog in these two
  // fields.
  return {info.tcpi_unacked, info.tcpi_sacked};
}

}  // namespace prefork
