#include "native/core/master_deadlines.h"

#include <stdio.h>

#include <algorithm>

namespace prefork {
namespace {

using std::chrono::milliseconds;

constexpr int kOrphanExitCode = 1;

[[noreturn]] void EndOrphan(int master, milliseconds grace) {
  char line[160];
  const int size =
      grace.count() == 0
          ? snprintf(line, sizeof line, "prefork: worker %d ends: master %d is gone\n", OwnPid(),
                     master)
          : snprintf(line, sizeof line,
                     "prefork: worker %d ends: master %d is gone and %lld ms of grace are over\n",
                     OwnPid(), master, static_cast<long long>(grace.count()));
  if (size > 0) SayLastWords(line, std::min(static_cast<std::size_t>(size), sizeof line - 1));
  EndProcess(kOrphanExitCode);
}

}  // namespace

void MasterDeadlines::NoteDeath() {
  if (!died_) died_ = Clock::now();
}

void MasterDeadlines::ExitAfter(milliseconds delay, int code) {
  exit_at_ = Clock::now() + delay;
  exit_code_ = code;
}

int MasterDeadlines::Step() {
  std::optional<Clock::time_point> next = exit_at_;
  const Clock::time_point now = Clock::now();
  if (died_ && grace_) {
    const Clock::time_point end = *died_ + *grace_;
    if (end <= now) EndOrphan(master_, *grace_);
    if (!reported_) {
      reported_ = true;
      on_death_();
    }
    next = next ? std::min(*next, end) : end;
  }
  if (exit_at_ && *exit_at_ <= now) EndProcess(exit_code_);
  if (!next) return -1;
  // Rounded up: after a sleep that ends a fraction too early the thread would spin through the
  // rest.
  const auto left = std::chrono::ceil<milliseconds>(*next - now).count();
  constexpr long long kLongestSleep = 24 * 3600 * 1000;
  return static_cast<int>(std::min<long long>(left, kLongestSleep));
}

}  // namespace prefork
