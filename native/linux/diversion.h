// Linux: clients that come while the sockets of an address close, without a filter on these
// sockets.
#pragma once

#include <vector>

#include "native/posix/unique_fd.h"

namespace prefork {

// Opens one more socket at the address of `listeners`, and leads every SYN to it. It answers none:
// the client repeats its SYN a second later. Every holder of `listeners` can still accept the
// connections in their queues, and those whose handshake has begun. To be closed after `listeners`.
// Does what Seal() does with a TCP socket, where the kernel wants CAP_NET_ADMIN for that.
// `listeners` is one socket, or a whole SO_REUSEPORT group in the order of listen(2).
UniqueFd Divert(const std::vector<int>& listeners);

}  // namespace prefork
