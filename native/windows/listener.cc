#include "native/windows/listener.h"

#include <errno.h>
#include <string.h>
#include <ws2tcpip.h>

#include "native/windows/windows_error.h"
#include "native/windows/winsock.h"

namespace prefork {
namespace {

struct RawAddress {
  sockaddr_storage storage;
  int length;
};

// getaddrinfo() rather than inet_pton(): it understands the scope of a link-local address,
// fe80::1%4.
RawAddress Parse(const TcpAddress& address) {
  addrinfo hints = {};
  hints.ai_family = address.family == Family::kIPv6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int status = getaddrinfo(address.address.c_str(), port.c_str(), &hints, &found);
  if (status != 0 || found == nullptr) {
    throw SysError(status == EAI_MEMORY ? ENOMEM : EINVAL, "getaddrinfo")
        .Advise("not a numeric address of this family");
  }
  RawAddress raw = {};
  memcpy(&raw.storage, found->ai_addr, found->ai_addrlen);
  raw.length = static_cast<int>(found->ai_addrlen);
  freeaddrinfo(found);
  return raw;
}

std::string WayOut(int error, const TcpAddress& address) {
  switch (error) {
    case EADDRINUSE:
      return "another process has this address: stop it or choose another port";
    case EACCES:
      // MSDN "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE": the error for a socket whose address
      // overlaps with that of an exclusive one, or belongs to another user. Hyper-V reserves whole
      // ranges.
      return "a program holds this port for an address that includes this one, or Windows reserves "
             "it (`netsh interface ipv4 show excludedportrange protocol=tcp`): choose another port";
    case EADDRNOTAVAIL:
      return "no interface of this machine has the address " + address.address;
    default:
      return "";
  }
}

// What listen() takes: positive numbers end at 200, negative ones mean their absolute value up to
// 65535, MSDN listen, SOMAXCONN_HINT.
int ToHint(int backlog) {
  constexpr int kMostWithoutHint = 200;
  constexpr int kMost = 65535;
  if (backlog <= kMostWithoutHint) return backlog;
  return backlog < kMost ? -backlog : -kMost;
}

SocketName Decode(const sockaddr_storage& storage, int length) {
  SocketName name;
  if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6) return name;
  char host[NI_MAXHOST];
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&storage), length, host, sizeof host, nullptr,
                  0, NI_NUMERICHOST) != 0) {
    throw SocketError("getnameinfo");
  }
  name.address = host;
  if (storage.ss_family == AF_INET) {
    name.family = Family::kIPv4;
    name.port = ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
  } else {
    name.family = Family::kIPv6;
    name.port = ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
  }
  return name;
}

UniqueSocket Bind(const TcpAddress& address) {
  UniqueSocket socket =
      OpenSocket(address.family == Family::kIPv6 ? AF_INET6 : AF_INET, SOCK_STREAM);
  if (address.family == Family::kIPv6) {
    SetOption(socket.Get(), IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY", address.ipv6_only ? 1 : 0);
  }
  // Without it any other program may bind the same port with SO_REUSEADDR, and take the connections
  // of this one: MSDN "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE".
  SetOption(socket.Get(), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, "SO_EXCLUSIVEADDRUSE", 1);
  SetNonBlocking(socket.Get());
  const RawAddress raw = Parse(address);
  if (bind(socket.Get(), reinterpret_cast<const sockaddr*>(&raw.storage), raw.length) != 0)
    throw SocketError("bind");
  return socket;
}

}  // namespace

UniqueSocket ListenTcp(const TcpAddress& address, int backlog) {
  try {
    UniqueSocket socket = Bind(address);
    if (listen(socket.Get(), ToHint(backlog)) != 0) throw SocketError("listen");
    return socket;
  } catch (SysError& error) {
    if (error.hint.empty()) error.Advise(WayOut(error.error, address));
    throw error.At(address.address, address.port);
  }
}

SocketName NameOf(SOCKET socket) {
  sockaddr_storage storage = {};
  int length = sizeof storage;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &length) == 0)
    return Decode(storage, length);
  // Not bound yet.
  if (WSAGetLastError() == WSAEINVAL) return SocketName();
  throw SocketError("getsockname");
}

Inspection Inspect(SOCKET socket) {
  Inspection found;
  // First, because getsockopt() reports "not a socket" for a closed handle, too.
  found.close_on_exec = !IsInheritable(socket);
  int type = 0;
  int length = sizeof type;
  if (getsockopt(socket, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &length) != 0) {
    if (WSAGetLastError() == WSAENOTSOCK) return found;
    throw SocketError("getsockopt");
  }
  found.name = NameOf(socket);
  found.stream = type == SOCK_STREAM;
  found.listening = GetOption(socket, SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN") != 0;
  found.ipv6_only = found.name.family == Family::kIPv6 &&
                    GetOption(socket, IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY") != 0;
  // FIONBIO can only be set. Every socket that this addon makes or adopts has it.
  found.non_blocking = true;
  return found;
}

void CloseSocket(SOCKET socket) {
  if (closesocket(socket) != 0) throw SocketError("closesocket");
}

}  // namespace prefork
