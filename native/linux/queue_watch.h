// "Somebody has been waiting in that accept queue for a while", without accepting and without a
// wake-up while all queues are empty.
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

  // Starts the thread. A queue that is still not empty `delay` after somebody was seen in it is
  // told about once; emptied meanwhile it is watched on. `confirmations`: so many more looks, 2 ms
  // apart, must find somebody: a queue that is busy, and not stuck, is empty in one of them. Throws
  // SysError.
  QueueWatch(std::chrono::milliseconds delay, int confirmations, Sink sink);
  ~QueueWatch();
  QueueWatch(const QueueWatch&) = delete;
  QueueWatch& operator=(const QueueWatch&) = delete;

  // The descriptor stays the caller's, who calls Remove() before closing it. Throws SysError, also
  // for one that is watched already.
  void Add(int fd);
  // Watches a queue again that was told about; does nothing for one that is watched. Throws
  // SysError.
  void Rearm(int fd);
  // From here on this thread does not touch the descriptor. Does nothing for one that is not
  // watched. Throws SysError.
  void Remove(int fd);
  // Those of `told` that have been neither removed nor rearmed since.
  std::vector<Waiting> StillTold(std::vector<Waiting> told);
  // Wakes and joins; nothing is watched from then on. Idempotent. Not on the thread of the watch.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace prefork
