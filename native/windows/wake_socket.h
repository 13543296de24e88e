// Wakes a thread that sleeps in WSAPoll().
#pragma once

#include "native/windows/unique_socket.h"

namespace prefork {

// A datagram socket that is connected to itself: readable once it was woken. Winsock has nothing
// lighter to sleep on together with a socket; WSAEventSelect() would have, but its registration is
// shared by all processes that hold the socket, MSDN WSADuplicateSocketW.
class WakeSocket {
 public:
  // Throws SysError, also where datagrams to itself do not arrive.
  WakeSocket();

  SOCKET Get() const { return socket_.Get(); }
  // For good: nothing takes the datagram out again.
  void Wake() const;

 private:
  UniqueSocket socket_;
};

}  // namespace prefork
