// accept() of Windows on a non-blocking socket asks the kernel twice: "does a connection wait?",
// and then "give me the next one", which waits. With a listener that several processes hold:
//   A asks: yes | B asks: yes | B takes that one | A waits, and its event loop with it
// So the processes take turns: the one that asks also takes, and no other comes in between. One gap
// is left: a client that resets its connection in that instant, if Windows then forgets the
// connection instead of reporting it. The next connection would end that wait.
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

// A turn takes microseconds. A process that does not end its turn is suspended, and must not stop
// the others for longer than this.
constexpr DWORD kLongestTurnMs = 20;

class Turn {
 public:
  explicit Turn(HANDLE mutex) : mutex_(mutex) {
    if (mutex_ == nullptr) return;
    const DWORD got = WaitForSingleObject(mutex_, kLongestTurnMs);
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
  // The port is at the same place in sockaddr_in6.
  return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

// The mutex of the port. The port is exclusive, so every process with a listener on it has a copy
// of this one, or of one for another address, which does no harm. Null where Windows refuses a
// mutex: accepting goes on without.
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

bool ConnectionWaits(SOCKET listener) {
  WSAPOLLFD item = {listener, POLLRDNORM, 0};
  // When WSAPoll() fails, accept() reports the reason.
  if (WSAPoll(&item, 1, 0) != 0) return true;
  if (GetOption(listener, SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN") == 0)
    throw SysError(EINVAL, "accept").Advise("the socket does not listen");
  return false;
}

}  // namespace

UniqueSocket Accept(SOCKET listener) {
  const Turn turn(MutexOf(listener));
  while (ConnectionWaits(listener)) {
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
        continue;  // that client left while it waited, MSDN accept; others may be behind it
      default:
        throw SocketError("accept");
    }
  }
  return UniqueSocket();
}

}  // namespace prefork
