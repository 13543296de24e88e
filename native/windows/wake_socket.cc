#include "native/windows/wake_socket.h"

#include <errno.h>
#include <ws2tcpip.h>

#include "native/windows/winsock.h"

namespace prefork {
namespace {

// So long a datagram may be under way.
constexpr int kDeliveryMs = 5000;

// A socket of `family` that is bound to the loopback address and connected to itself: from then on
// only its own datagrams reach it.
UniqueSocket ToItself(int family) {
  UniqueSocket socket = OpenSocket(family, SOCK_DGRAM);
  sockaddr_storage storage = {};
  storage.ss_family = static_cast<decltype(storage.ss_family)>(family);
  int length;
  if (family == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(storage).sin6_addr.s6_addr[15] = 1;  // ::1
    length = sizeof(sockaddr_in6);
  } else {
    reinterpret_cast<sockaddr_in&>(storage).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    length = sizeof(sockaddr_in);
  }
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (bind(socket.Get(), address, length) != 0) throw SocketError("bind");
  if (getsockname(socket.Get(), address, &length) != 0) throw SocketError("getsockname");
  if (connect(socket.Get(), address, length) != 0) throw SocketError("connect");
  SetNonBlocking(socket.Get());
  return socket;
}

UniqueSocket Loopback() {
  try {
    return ToItself(AF_INET);
  } catch (const SysError&) {
    return ToItself(AF_INET6);
  }
}

}  // namespace

WakeSocket::WakeSocket() : socket_(Loopback()) {
  // A security product that swallows datagrams must make this fail, and not a close() that waits
  // for its thread for ever.
  char byte = 0;
  if (send(socket_.Get(), &byte, 1, 0) != 1) throw SocketError("send");
  WSAPOLLFD item = {socket_.Get(), POLLRDNORM, 0};
  const int ready = WSAPoll(&item, 1, kDeliveryMs);
  if (ready < 0) throw SocketError("WSAPoll");
  if (ready == 0) {
    throw SysError(ETIMEDOUT, "WSAPoll")
        .Advise("a datagram from 127.0.0.1 to itself did not arrive: a firewall keeps it");
  }
  if (recv(socket_.Get(), &byte, 1, 0) != 1) throw SocketError("recv");
}

void WakeSocket::Wake() const {
  // A full buffer means that a datagram lies there already; nothing else can fail.
  const char byte = 0;
  static_cast<void>(send(socket_.Get(), &byte, 1, 0));
}

}  // namespace prefork
