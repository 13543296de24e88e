// The two deadlines of a worker: the end of its grace after the death of the master, and the one of
// exitAfter(). The thread of MasterWatch enforces them. This is the same on every system.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>

#include "native/core/overtime.h"

namespace prefork {

// Not thread-safe: MasterWatch holds its mutex around every call, also while `on_death` runs, so
// that its Stop() excludes that.
class MasterDeadlines {
 public:
  MasterDeadlines(int master, std::function<void()> on_death)
      : master_(master), on_death_(std::move(on_death)) {}

  // The master has died just now. Only the first call counts.
  void NoteDeath();
  bool Dead() const { return died_.has_value(); }
  // As in MasterWatch.
  void SetGrace(std::optional<std::chrono::milliseconds> grace);
  void ExitAfter(std::chrono::milliseconds delay, int code);
  // Returns how many ms the thread may sleep, -1 for ever. Ends the process when a deadline has
  // passed, and its overtime, with a word on stderr.
  int Step();

 private:
  using Clock = std::chrono::steady_clock;

  [[noreturn]] void End(bool orphaned) const;

  const int master_;
  const std::function<void()> on_death_;
  bool reported_ = false;
  std::optional<Clock::time_point> died_;
  std::optional<std::chrono::milliseconds> grace_ = std::chrono::milliseconds(0);
  std::optional<Clock::time_point> exit_at_;
  int exit_code_ = 0;
  Overtime overtime_;
};

// Each system implements the following.

int OwnPid();
// Ends this process at once and runs no exit handler: the event loop may be blocked.
[[noreturn]] void EndProcess(int code);
// Writes to stderr, for a caller that is about to end the process. A full pipe whose reader is
// stuck, or a stopped terminal, delays the caller by a second at most.
void SayLastWords(const char* text, std::size_t size);

}  // namespace prefork
