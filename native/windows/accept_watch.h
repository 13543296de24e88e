// Reports that a connection waits in an accept queue, without accepting it and without a wake-up
// while the queue is empty.
#pragma once

#include <winsock2.h>

#include <functional>
#include <memory>
#include <thread>

namespace prefork {

class AcceptWatch {
 public:
  // Called on the thread of the watch; never again once Stop() has returned.
  using Sink = std::function<void()>;

  // Starts the thread, armed: it reports once, and again after each Rearm(). The caller owns the
  // listener, and keeps it open until Stop() has returned. Throws SysError.
  AcceptWatch(SOCKET listener, Sink on_waiting);
  ~AcceptWatch();
  AcceptWatch(const AcceptWatch&) = delete;
  AcceptWatch& operator=(const AcceptWatch&) = delete;

  // Does nothing while the watch is armed.
  void Rearm();
  // Wakes and joins. Idempotent. Not on the thread of the watch.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace prefork
