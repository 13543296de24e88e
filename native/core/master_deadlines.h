// When a worker whose master is gone has to be gone as well. Whoever notices the death, and however
// a thread sleeps until the next deadline, this is the same on every system.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>

namespace prefork {

// Not for several threads: the watch has a mutex around every call, also while `on_death` runs, so
// that its Stop() excludes it.
class MasterDeadlines {
 public:
  MasterDeadlines(int master, std::function<void()> on_death)
      : master_(master), on_death_(std::move(on_death)) {}

  // The master is gone as of now. Only the first call counts.
  void NoteDeath();
  bool Dead() const { return died_.has_value(); }
  // As in MasterWatch.
  void SetGrace(std::optional<std::chrono::milliseconds> grace) { grace_ = grace; }
  void ExitAfter(std::chrono::milliseconds delay, int code);
  // Milliseconds to sleep, -1 for ever. Does not return when a deadline has passed.
  int Step();

 private:
  using Clock = std::chrono::steady_clock;

  const int master_;
  const std::function<void()> on_death_;
  bool told_ = false;
  std::optional<Clock::time_point> died_;
  std::optional<std::chrono::milliseconds> grace_ = std::chrono::milliseconds(0);
  std::optional<Clock::time_point> exit_at_;
  int exit_code_ = 0;
};

// What is different on each system.

int OwnPid();
// At once, and without anything that the process would do at its end: its event loop may be
// blocked.
[[noreturn]] void EndProcess(int code);
// Writes to stderr, which may be a full pipe whose reader is stuck, or a stopped terminal: neither
// keeps the caller, who is about to end the process, for longer than a second.
void SayLastWords(const char* text, std::size_t size);

}  // namespace prefork
