// Listening sockets: make them, look at them, hand them to another process.
#pragma once

#include <winsock2.h>

#include "native/core/socket_address.h"
#include "native/windows/unique_socket.h"

namespace prefork {

// Bound so that no other process can share or steal the address, listening, non-blocking.
UniqueSocket ListenTcp(const TcpAddress& address, int backlog);

SocketName NameOf(SOCKET socket);
// Answers for any open handle, also for that of a file. Throws EBADF for a closed one.
Inspection Inspect(SOCKET socket);
void CloseSocket(SOCKET socket);

// For process `pid` alone, and for one adoption. Throws ESRCH when it is gone.
WSAPROTOCOL_INFOW DuplicateFor(SOCKET socket, unsigned long pid);
UniqueSocket Adopt(WSAPROTOCOL_INFOW info);

}  // namespace prefork
