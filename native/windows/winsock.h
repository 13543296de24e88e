// Makes and marks sockets. No child inherits one that this makes.
#pragma once

#include "native/core/sys_error.h"
#include "native/windows/unique_socket.h"

namespace prefork {

// The error of WSAGetLastError(), as a failure of `syscall`.
SysError SocketError(const char* syscall);

// Before the first call of Winsock.
void NeedWinsock();

// A blocking TCP or UDP socket, `type` as in socket(): overlapped, which is what libuv expects of
// the ones that are accepted from it.
UniqueSocket OpenSocket(int family, int type);

void SetInheritable(SOCKET socket, bool inheritable);
bool IsInheritable(SOCKET socket);
void SetNonBlocking(SOCKET socket);
void SetOption(SOCKET socket, int level, int option, const char* name, int value);
int GetOption(SOCKET socket, int level, int option, const char* name);

}  // namespace prefork
