// Linux: the end of a listening socket's life, without a connection being lost.
#pragma once

namespace prefork {

// Refuses new connections, for every holder of the socket and for good. Every holder can still
// accept the connections in the queue, and those whose handshake has begun.
void Seal(int fd);
// The same for a TCP socket, without a privilege: binds it to a device that is not there. The kernel
// finds no listener for a newcomer's SYN, and refuses the client. A handshake that has begun knows
// its socket, and ends. In a SO_REUSEPORT group the kernel may still lead a newcomer to the socket,
// until the last one of the group is hidden or closed.
void Hide(int fd);
// Ends the listening itself: resets what is queued, also where another process holds the socket, and
// gives the port back to the next bind(2).
void Dismiss(int fd);

}  // namespace prefork
