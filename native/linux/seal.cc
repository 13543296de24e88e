#include "native/linux/seal.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <limits>

#include "native/core/sys_error.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

namespace prefork {
namespace {

constexpr std::uint32_t kFlagsOffset = 13;  // of a TCP header, RFC 9293 3.1
constexpr std::uint32_t kAck = 0x10;
constexpr std::uint32_t kSyn = 0x02;
constexpr std::uint32_t kDrop = 0;
constexpr std::uint32_t kPass = 0xffffffff;

int DomainOf(int fd) {
  int domain = 0;
  socklen_t length = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0)
    throw SysError(errno, "getsockopt");
  return domain;
}

void RequireListening(int fd) {
  int listening = 0;
  socklen_t length = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0)
    throw SysError(errno, "getsockopt");
  if (listening == 0) throw SysError(EINVAL, "getsockopt").Advise("the socket does not listen");
}

// Drops the packet that begins a connection: SYN without ACK. The client repeats its SYN a second
// later. The ACK that ends a handshake passes, so that a client that has begun one gets in.
// socket(7) SO_ATTACH_FILTER: a filter of a TCP socket sees the TCP header first, and accepted
// sockets inherit it, where it never matches. Newer kernels want CAP_NET_ADMIN for a TCP socket.
void DropNewcomers(int fd) {
  std::array<sock_filter, 5> instructions = {{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kFlagsOffset},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, kSyn | kAck},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, kSyn},
      {BPF_RET | BPF_K, 0, 0, kDrop},
      {BPF_RET | BPF_K, 0, 0, kPass},
  }};
  const sock_fprog program = {static_cast<unsigned short>(instructions.size()),
                              instructions.data()};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    throw SysError(errno, "setsockopt(SO_ATTACH_FILTER)");
}

constexpr int kNoDevice = std::numeric_limits<int>::max();

// Another process may have hidden it: every worker that lost its master seals the socket of all.
bool IsHidden(int fd) {
  int device = 0;
  socklen_t length = sizeof device;
  if (getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &device, &length) != 0)
    throw SysError(errno, "getsockopt(SO_BINDTOIFINDEX)");
  return device == kNoDevice;
}

}  // namespace

void Seal(int fd) {
  const int domain = DomainOf(fd);
  RequireListening(fd);
  if (domain == AF_INET || domain == AF_INET6) return DropNewcomers(fd);
  if (domain != AF_UNIX) throw SysError(EAFNOSUPPORT, "shutdown");
  // On a TCP socket shutdown(2) would reset the queue. On a unix socket it refuses newcomers, keeps
  // the queue acceptable, and makes the socket readable for ever once the queue is empty.
  if (shutdown(fd, SHUT_RD) != 0) throw SysError(errno, "shutdown");
}

void Hide(int fd) {
  const int domain = DomainOf(fd);
  if (domain != AF_INET && domain != AF_INET6)
    throw SysError(EAFNOSUPPORT, "setsockopt(SO_BINDTOIFINDEX)");
  RequireListening(fd);
  // The kernel does not look for the device, and asks for no privilege while the socket is bound to
  // none, since Linux 5.7.
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &kNoDevice, sizeof kNoDevice) == 0) return;
  const int error = errno;
  if (error == EPERM && IsHidden(fd)) return;
  throw SysError(error, "setsockopt(SO_BINDTOIFINDEX)").Advise("CAP_NET_ADMIN lets it be sealed");
}

void Dismiss(int fd) {
  RequireListening(fd);
  // A TCP socket stays bound and listens no more: with SO_REUSEADDR on both, another one may bind,
  // socket(7).
  if (shutdown(fd, SHUT_RD) != 0) throw SysError(errno, "shutdown");
}

}  // namespace prefork
