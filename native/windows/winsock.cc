#include "native/windows/winsock.h"

#include "native/windows/windows_error.h"

namespace prefork {

// Windows counts these calls per process, MSDN WSAStartup: Node has made one, but another host of
// the addon need not have. This never takes it back, because sockets may be open until the process
// ends.
void NeedWinsock() {
  static const int error = [] {
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (error != 0) throw WindowsError(static_cast<unsigned long>(error), "WSAStartup");
}

SysError SocketError(const char* syscall) {
  return WindowsError(static_cast<unsigned long>(WSAGetLastError()), syscall);
}

UniqueSocket OpenSocket(int family, int type) {
  NeedWinsock();
  UniqueSocket socket(
      WSASocketW(family, type, 0, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
  if (!socket) throw SocketError("WSASocketW");
  return socket;
}

// Sockets are handles of the kernel as long as no layered provider is in between; one that is
// inherited nevertheless would keep an address taken after the master's end.
void SetInheritable(SOCKET socket, bool inheritable) {
  if (SetHandleInformation(reinterpret_cast<HANDLE>(socket), HANDLE_FLAG_INHERIT,
                           inheritable ? HANDLE_FLAG_INHERIT : 0) == 0) {
    throw WindowsError(GetLastError(), "SetHandleInformation");
  }
}

bool IsInheritable(SOCKET socket) {
  DWORD flags = 0;
  if (GetHandleInformation(reinterpret_cast<HANDLE>(socket), &flags) == 0)
    throw WindowsError(GetLastError(), "GetHandleInformation");
  return (flags & HANDLE_FLAG_INHERIT) != 0;
}

void SetNonBlocking(SOCKET socket) {
  u_long on = 1;
  if (ioctlsocket(socket, static_cast<long>(FIONBIO), &on) != 0) throw SocketError("ioctlsocket");
}

void SetOption(SOCKET socket, int level, int option, const char* name, int value) {
  if (setsockopt(socket, level, option, reinterpret_cast<const char*>(&value), sizeof value) != 0)
    throw SocketError("setsockopt").Advise(name);
}

int GetOption(SOCKET socket, int level, int option, const char* name) {
  int value = 0;
  int length = sizeof value;
  if (getsockopt(socket, level, option, reinterpret_cast<char*>(&value), &length) != 0)
    throw SocketError("getsockopt").Advise(name);
  return value;
}

}  // namespace prefork
