#include "native/linux/diversion.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "native/core/sys_error.h"
#include "native/linux/deaf.h"
#include "native/posix/listener.h"

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

namespace prefork {
namespace {

constexpr auto kNetworkHeader = static_cast<std::uint32_t>(SKF_NET_OFF);
constexpr std::uint32_t kIPv6HeaderLength = 40;
constexpr std::uint32_t kFlagsOffset = 13;  // of a TCP header, RFC 9293 3.1
constexpr std::uint32_t kAck = 0x10;
constexpr std::uint32_t kSyn = 0x02;

TcpAddress AddressOf(int listener) {
  const Inspection found = Inspect(listener);
  const bool tcp = found.name.family == Family::kIPv4 || found.name.family == Family::kIPv6;
  if (!tcp) throw SysError(EAFNOSUPPORT, "setsockopt(SO_REUSEPORT)");
  if (!found.listening) throw SysError(EINVAL, "getsockopt").Advise("the socket does not listen");
  TcpAddress address = {found.name.family, found.name.address, found.name.port.value_or(0), false};
  if (address.family == Family::kIPv6) {
    int only = 0;
    socklen_t length = sizeof only;
    if (getsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length) != 0)
      throw SysError(errno, "getsockopt");
    address.ipv6_only = only != 0;
  }
  return address;
}

// SYN without ACK: the member `deaf`. The rest, which is the ACK of a handshake with a SYN cookie:
// the first member, because any member can check a cookie. In front of a program for a group the
// kernel has skipped the TCP header: it is found through the network header. (An extension header
// of IPv6 hides it; such a SYN is admitted.)
void Steer(int fd, std::uint32_t deaf) {
  std::array<sock_filter, 14> instructions = {{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kNetworkHeader},
      {BPF_ALU | BPF_RSH | BPF_K, 0, 0, 4},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 6},
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kNetworkHeader + kIPv6HeaderLength + kFlagsOffset},
      {BPF_JMP | BPF_JA, 0, 0, 5},
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kNetworkHeader},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x0f},
      {BPF_ALU | BPF_LSH | BPF_K, 0, 0, 2},
      {BPF_MISC | BPF_TAX, 0, 0, 0},
      {BPF_LD | BPF_B | BPF_IND, 0, 0, kNetworkHeader + kFlagsOffset},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, kSyn | kAck},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, kSyn},
      {BPF_RET | BPF_K, 0, 0, deaf},
      {BPF_RET | BPF_K, 0, 0, 0},
  }};
  const sock_fprog program = {static_cast<unsigned short>(instructions.size()),
                              instructions.data()};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0)
    throw SysError(errno, "setsockopt(SO_ATTACH_REUSEPORT_CBPF)");
}

}  // namespace

UniqueFd Divert(const std::vector<int>& listeners) {
  if (listeners.empty()) throw SysError(EINVAL, "setsockopt(SO_REUSEPORT)");
  TcpAddress address = {};
  // A socket that is bound already may still take the flag, and listen(2) of the next one makes a
  // group of the two, in which it comes first.
  for (const int fd : listeners) {
    address = AddressOf(fd);
    SetSocketFlag(fd, SO_REUSEPORT, "SO_REUSEPORT", true, address);
  }
  UniqueFd deaf = OpenTcpSocket(address);
  // No client ever enters this queue, not even before the group is steered.
  SetDeaf(deaf.Get(), true);
  // Connections of before have the address as well, and this flag from their listener.
  SetSocketFlag(deaf.Get(), SO_REUSEADDR, "SO_REUSEADDR", true, address);
  SetSocketFlag(deaf.Get(), SO_REUSEPORT, "SO_REUSEPORT", true, address);
  BindTcp(deaf.Get(), address);
  if (listen(deaf.Get(), 0) != 0) throw SysError(errno, "listen").At(address.address, address.port);
  Steer(listeners.front(), static_cast<std::uint32_t>(listeners.size()));
  return deaf;
}

}  // namespace prefork
