// How long after a deadline the thread of a watch waits for a process that could not run. A worker
// whose event loop is blocked has none: it ends at its deadline. One that got no CPU, or stood
// still as a whole, has the turns that it would have had before, within a bound.
#pragma once

#include <chrono>
#include <optional>

#include "native/core/cpu_time.h"

namespace prefork {

class Overtime {
 public:
  using Clock = std::chrono::steady_clock;

  // A deadline was set: the thread asks as soon as it runs.
  void Changed();
  // How long the thread may sleep until it has to ask again; zero: the deadline is over.
  std::chrono::milliseconds Left(Clock::time_point deadline);
  // How long the main thread has waited for a CPU since shortly before the deadline.
  std::chrono::milliseconds Waited() const { return waited_; }

 private:
  void Note(Clock::time_point now);

  // When the thread was to run.
  std::optional<Clock::time_point> due_;
  // The longest time in which the whole process stood still around the deadline.
  Clock::duration stood_ = Clock::duration::zero();
  // Shortly before the deadline; empty until then, and where the system does not report it.
  std::optional<CpuTime> first_;
  CpuTime last_ = {};
  // Since when the main thread has been seen as it is.
  Clock::time_point since_;
  std::chrono::milliseconds waited_ = std::chrono::milliseconds::zero();
};

}  // namespace prefork
