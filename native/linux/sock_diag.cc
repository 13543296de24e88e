#include "native/linux/sock_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

#include "native/core/sys_error.h"
#include "native/posix/unique_fd.h"

namespace prefork {
namespace {

// Of an answer; the kernel fills at most 32 KiB at a time, netlink(7).
constexpr std::size_t kAnswerSize = 32 * 1024;

template <typename Body>
struct Request {
  nlmsghdr header;
  Body body;
};

template <typename Body>
UniqueFd Ask(const Body& body, std::uint16_t flags) {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd) throw SysError(errno, "socket(NETLINK_SOCK_DIAG)");
  Request<Body> request = {};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  request.body = body;
  if (send(fd.Get(), &request, sizeof request, 0) < 0) throw SysError(errno, "send(sock_diag)");
  return fd;
}

// Calls `visit` with every answer, until none is left or `visit` returns false. The kernel has an
// answer ready before send(2) and every recv(2) return, so that nothing here ever waits.
template <typename Visit>
void ForEachAnswer(const UniqueFd& fd, Visit visit) {
  alignas(nlmsghdr) std::array<char, kAnswerSize> buffer;
  for (;;) {
    const ssize_t size = recv(fd.Get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) throw SysError(errno, "recv(sock_diag)");
    auto left = static_cast<std::uint32_t>(size);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return;
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
        throw SysError(-error->error, "sock_diag");
      }
      if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY && !visit(header)) return;
    }
  }
}

std::uint32_t CountHandshakes(std::uint8_t family, std::uint16_t port) {
  inet_diag_req_v2 request = {};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = 1U << TCP_SYN_RECV;
  request.id.idiag_sport = htons(port);
  std::uint32_t count = 0;
  ForEachAnswer(Ask(request, NLM_F_DUMP), [&count](const nlmsghdr*) {
    ++count;
    return true;
  });
  return count;
}

}  // namespace

QueueFill UnixQueue(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) throw SysError(errno, "fstat");
  unix_diag_req request = {};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0U;
  // The inode of a socket is the number in /proc/net/unix, which has 32 bits.
  request.udiag_ino = static_cast<std::uint32_t>(info.st_ino);
  request.udiag_show = UDIAG_SHOW_RQLEN;
  request.udiag_cookie[0] = request.udiag_cookie[1] = INET_DIAG_NOCOOKIE;
  QueueFill fill = {};
  bool listening = false;
  ForEachAnswer(Ask(request, 0), [&](const nlmsghdr* header) {
    const auto* message = static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
    listening = message->udiag_state == TCP_LISTEN;
    auto left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof *message));
    const auto* first = reinterpret_cast<const rtattr*>(message + 1);
    for (const rtattr* attribute = first; RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left)) {
      if (attribute->rta_type != UNIX_DIAG_RQLEN) continue;
      unix_diag_rqlen lengths = {};
      memcpy(&lengths, RTA_DATA(attribute), sizeof lengths);
      fill = {lengths.udiag_rqueue, lengths.udiag_wqueue};
    }
    return false;
  });
  if (!listening) throw SysError(EINVAL, "sock_diag").Advise("the socket does not listen");
  return fill;
}

std::uint32_t Handshakes(int fd) {
  const SocketName name = NameOf(fd);
  if (!name.port) throw SysError(ENOTSUP, "sock_diag").Advise("only TCP has handshakes");
  const auto port = static_cast<std::uint16_t>(*name.port);
  const std::uint32_t count = CountHandshakes(AF_INET, port);
  // A client that came to an IPv6 socket over IPv4 counts as IPv4.
  return name.family == Family::kIPv6 ? count + CountHandshakes(AF_INET6, port) : count;
}

}  // namespace prefork
