// In a worker: notices the death of the master and enforces deadlines, on a thread of its own, so
// that a blocked event loop cannot outlive either.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "native/core/signs_of_life.h"

namespace prefork {

class MasterWatch {
 public:
  // Called at most once, on the thread of the watch; never again once Stop() has returned.
  using Sink = std::function<void()>;

  // Until Configure() the thread ends the process at once with exit code 1 when the master dies,
  // also when it is dead already. Throws SysError when the system can watch neither the pid nor the
  // channel. Main thread only.
  MasterWatch(const MasterProcess& master, Sink on_death);
  ~MasterWatch();
  MasterWatch(const MasterWatch&) = delete;
  MasterWatch& operator=(const MasterWatch&) = delete;

  // `grace`: from death to the end of the process; zero: at once and without the sink; empty: the
  // watch is off. `keep_death_signal`: where the kernel has one that the worker itself can clear.
  // Main thread only, because on Linux it belongs to a thread, prctl(2). Throws SysError.
  void Configure(std::optional<std::chrono::milliseconds> grace, bool keep_death_signal);
  // Ends the process with `code` after `delay` unless it is gone by then. A second call moves the
  // deadline.
  void ExitAfter(std::chrono::milliseconds delay, int code);
  // Wakes and joins; the other calls do nothing from then on. Idempotent. Main thread only.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace prefork
