#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#include <algorithm>

#include "native/core/sys_error.h"
#include "native/posix/activity.h"

namespace prefork {

std::optional<std::uint32_t> IdleTime(int fd) {
  tcp_info info = {};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
    // A unix socket has no such level: EOPNOTSUPP, on older kernels ENOPROTOOPT.
    if (errno == EOPNOTSUPP || errno == ENOPROTOOPT) return std::nullopt;
    throw SysError(errno, "getsockopt(TCP_INFO)");
  }
  // qemu in user mode gives the first four bytes only.
  if (length < offsetof(tcp_info, tcpi_last_ack_recv)) return std::nullopt;
  return std::min(info.tcpi_last_data_sent, info.tcpi_last_data_recv);
}

}  // namespace prefork
