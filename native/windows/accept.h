// Taking connections out of a queue that several processes share.
#pragma once

#include "native/windows/unique_socket.h"

namespace prefork {

// Empty when nobody waits, at once. No child inherits the socket. Throws what keeps a connection
// from being taken, EMFILE or ENOBUFS: it stays in the queue.
UniqueSocket Accept(SOCKET listener);

}  // namespace prefork
