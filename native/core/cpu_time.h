// What the main thread of this process has had of a CPU: tells an event loop that is blocked from
// one that gets no turn.
#pragma once

#include <chrono>
#include <optional>

namespace prefork {

struct CpuTime {
  std::chrono::nanoseconds running;
  // Ready to run, until it last got a CPU: a wait that goes on is not in it.
  std::chrono::nanoseconds waiting;
  // It has a CPU or waits for one.
  bool ready;

  bool operator==(const CpuTime& other) const {
    return running == other.running && waiting == other.waiting;
  }
};

// Empty where the system does not report it. Any thread.
std::optional<CpuTime> MainThreadTime();

}  // namespace prefork
