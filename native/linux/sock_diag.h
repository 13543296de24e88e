// Linux: what sock_diag(7) reports about the sockets of this network namespace, without a
// privilege.
#pragma once

#include <cstdint>

#include "native/posix/listener.h"

namespace prefork {

// The queue of a listening unix socket.
QueueFill UnixQueue(int fd);
// Connections to the port of a TCP listener whose handshake has begun and not ended.
std::uint32_t Handshakes(int fd);

}  // namespace prefork
