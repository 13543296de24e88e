// Linux: a listening socket that leaves clients unanswered for a while, without a privilege.
#pragma once

namespace prefork {

// While a TCP socket is deaf the kernel drops the SYNs that are led to it, and clients repeat theirs
// a second later. It keeps its queue and its place in its SO_REUSEPORT group. To be used on a socket
// without connections: those that it had would inherit it. Throws SysError.
void SetDeaf(int fd, bool deaf);

}  // namespace prefork
