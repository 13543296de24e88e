// accept() of Windows on a non-blocking socket is two questions to the kernel: "is somebody
// there?", and then "give me the next one", which waits. With a listener that several processes
// hold:
//   A asks: yes | B asks: yes | B takes that one | A waits, and its event loop with it
// So the processes take turns: whoever asks first is the one who takes, and nobody comes between.
// What is left is a client that resets its connection in that instant, if Windows then forgets it
// instead of reporting it; the next connection would end the wait.
#include "native/windows/accept.h"

#include <errno.h>
#include <ws2tcpip.h>

#include <map>
#include <mutex>
#include <string>

#include "native/windows/unique_handle.h"
#include "native/windows/winsock.h"

namespace prefork {
namespace {

// A turn takes microseconds. Whoever does not end his is suspended, and must not stop the others:
// in milliseconds.
constexpr DWORD kPatience = 20;

class Turn {
 public:
  explicit Turn(HANDLE mutex) : mutex_(mutex) {
    if (mutex_ == nullptr) return;
    const DWORD got = WaitForSingleObject(mutex_, kPatience);
    // Abandoned: a process ended during its turn, which is ours now.
    owned_ = got == WAIT_OBJECT_0 || got == WAIT_ABANDONED;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (owned_) ReleaseMutex(mutex_);
  }

 private:
  const HANDLE mutex_;
  bool owned_ = false;
};

int PortOf(SOCKET listener) {
  sockaddr_storage storage = {};
  int length = sizeof storage;
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&storage), &length) != 0)
    throw SocketError("getsockname");
  // It is at the same place in sockaddr_in6.
  return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

// Of the port: it is exclusive, so whoever has a listener on it has a copy of this one, or of one
// for another address, which does no harm. Null where there can be no mutex: accepting goes on.
HANDLE MutexOf(SOCKET listener) {
  const int port = PortOf(listener);
  // Never destroyed: threads may still accept while the process ends.
  static auto& guard = *new std::mutex();
  static auto& mutexes = *new std::map<int, UniqueHandle>();
  const std::lock_guard<std::mutex> lock(guard);
  const auto [entry, is_new] = mutexes.try_emplace(port);
  if (is_new) {
    const std::string name = "Local\\prefork-accept-" + std::to_string(port);
    entry->second.Reset(CreateMutexA(nullptr, FALSE, name.c_str()));
  }
  return entry->second.Get();
}

bool SomebodyWaits(SOCKET listener) {
  WSAPOLLFD item = {listener, POLLRDNORM, 0};
  // When it fails accept() says what is wrong.
  if (WSAPoll(&item, 1, 0) != 0) return true;
  if (GetOption(listener, SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN") == 0)
    throw SysError(EINVAL, "accept").Advise("the socket does not listen");
  return false;
}

}  // namespace

UniqueSocket Accept(SOCKET listener) {
  const Turn turn(MutexOf(listener));
  while (SomebodyWaits(listener)) {
    UniqueSocket client(accept(listener, nullptr, nullptr));
    if (client) {
      // Unlike the listener's, this handle is inheritable: a child that holds it would keep the
      // connection open after its end here.
      SetInheritable(client.Get(), false);
      return client;
    }
    switch (WSAGetLastError()) {
      case WSAEWOULDBLOCK:
        return client;
      case WSAECONNRESET:
        continue;  // that one has left while it was waiting, MSDN accept; behind it are others
      default:
        throw SocketError("accept");
    }
  }
  return UniqueSocket();
}

}  // namespace prefork
