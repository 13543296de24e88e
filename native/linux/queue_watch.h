// Reports that a connection has been waiting in an accept queue for a while, without accepting it
// and without a wake-up while all queues are empty.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace prefork {

class QueueWatch {
 public:
  struct Waiting {
    std::uint64_t id;  // of the registration, which a later one of the same number does not share
    int fd;
    std::chrono::duration<double, std::milli> since;
  };
  // Called on the thread of the watch; never again once Stop() has returned.
  using Sink = std::function<void(std::vector<Waiting>)>;

  // Starts the thread. It reports a queue once when the queue is still not empty `delay` after a
  // connection came; it goes on watching a queue that was emptied meanwhile. `confirmations`: so
  // many more looks, 2 ms apart, must find a connection: a queue that is busy, and not stuck, is
  // empty in one of them. Throws SysError.
  QueueWatch(std::chrono::milliseconds delay, int confirmations, Sink sink);
  ~QueueWatch();
  QueueWatch(const QueueWatch&) = delete;
  QueueWatch& operator=(const QueueWatch&) = delete;

  // The caller keeps the descriptor, and calls Remove() before closing it. Throws SysError, also
  // for one that is watched already.
  void Add(int fd);
  // Watches a queue again that was reported; does nothing for one that is watched. Throws SysError.
  void Rearm(int fd);
  // From here on this thread does not touch the descriptor. Does nothing for one that is not
  // watched. Throws SysError.
  void Remove(int fd);
  // Those of `reported` that have been neither removed nor rearmed since.
  std::vector<Waiting> StillReported(const std::vector<Waiting>& reported);
  // Wakes and joins; nothing is watched from then on. Idempotent. Not on the thread of the watch.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace prefork
