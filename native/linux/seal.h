// Linux: the end of a listening socket's life, without a connection being lost.
#pragma once

namespace prefork {

// Refuses new connections, for every holder of the socket and for good. Every holder can still
// accept the connections in the queue, and those whose handshake has begun.
void Seal(int fd);
// Ends the listening itself: resets what is queued, also where another process holds the socket, and
// gives the port back to the next bind(2).
void Dismiss(int fd);

}  // namespace prefork
