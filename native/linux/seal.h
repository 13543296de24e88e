// Linux: the end of a listening socket's life, without a connection being lost.
#pragma once

namespace prefork {

// Lets nobody in any more: what is in the queue, and what is on its way into it, can still be
// accepted. For every holder of the socket, and for good.
void Seal(int fd);

}  // namespace prefork
