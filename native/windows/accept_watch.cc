// This thread accepts no connection. One that this process took while its event loop is blocked
// would wait for that loop, though other workers are idle. One that it took while the worker stops
// listening would be lost: libuv's AcceptEx requests do that on Windows.
//
// The thread sleeps in one of two places: in WSAPoll() while armed, on the condition variable once
// it has reported. So a busy listener costs one wake-up for each Rearm(), and not one for each
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
      // WSAPoll() fails only when memory is short, or for a listener that its owner closed too
      // early. The receiver of the report then calls accept(), which returns the error.
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
  // WSAPoll() does not refuse a socket that will never be ready.
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
