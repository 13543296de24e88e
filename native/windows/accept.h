// Taking connections out of a queue that several processes share.
#pragma once

#include "native/windows/unique_socket.h"

namespace prefork {

// Returns at once, empty when no connection waits. No child inherits the socket. Throws EMFILE or
// ENOBUFS when this process cannot take the connection: it stays in the queue.
UniqueSocket Accept(SOCKET listener);

}  // namespace prefork
