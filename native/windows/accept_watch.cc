// Nobody is accepted here. A connection that this process took while its event loop is blocked
// would wait for that loop, though the other workers are idle; and one that is taken while the
// worker stops listening would be lost, which is what libuv's AcceptEx requests do on Windows.
//
// The thread sleeps in one of two places: in WSAPoll() while armed, on the condition variable once
// it has told. So a busy listener costs one wake-up for each Rearm(), and not one for each
// connection.
#include "native/windows/accept_watch.h"

#include <errno.h>

#include <condition_variable>
#include <mutex>

#include "native/core/sleeper.h"
#include "native/core/sys_error.h"
#include "native/core/thread.h"
#include "native/windows/wake_socket.h"
#include "native/windows/winsock.h"

namespace prefork {

struct AcceptWatch::State {
  State(SOCKET socket, Sink sink) : listener(socket), on_waiting(std::move(sink)) {}

  const SOCKET listener;
  const WakeSocket wake_socket;

  std::mutex mutex;  // guards what follows; held while the sink runs, so that Stop() excludes it
  std::condition_variable changed;
  Sink on_waiting;
  bool armed = true;
  bool stopped = false;

  void Wake() {
    changed.notify_one();
    wake_socket.Wake();
  }

  void Run() {
    for (;;) {
      WSAPOLLFD items[] = {{listener, POLLRDNORM, 0}, {wake_socket.Get(), POLLRDNORM, 0}};
      // Fails for want of memory only, or for a listener that its owner closed too early. Who is
      // told then looks for himself, and hears what accept() says.
      WSAPoll(items, 2, -1);
      std::unique_lock<std::mutex> lock(mutex);
      if (stopped) return;
      armed = false;
      on_waiting();
      changed.wait(lock, [this] { return armed || stopped; });
      if (stopped) return;
    }
  }
};

AcceptWatch::AcceptWatch(SOCKET listener, Sink on_waiting)
    : state_(std::make_shared<State>(listener, std::move(on_waiting))) {
  // WSAPoll() says nothing about a socket that will never be ready.
  if (GetOption(listener, SOL_SOCKET, SO_ACCEPTCONN, "SO_ACCEPTCONN") == 0)
    throw SysError(EINVAL, "WSAPoll").Advise("the socket does not listen");
  thread_ = StartThread("prefork-accepts", [state = state_] { state->Run(); });
}

AcceptWatch::~AcceptWatch() { Stop(); }

void AcceptWatch::Rearm() {
  if (!state_) return;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->armed = true;
  }
  state_->changed.notify_one();
}

void AcceptWatch::Stop() { StopSleeper(&state_, &thread_); }

}  // namespace prefork
