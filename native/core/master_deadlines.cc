#include "native/core/master_deadlines.h"

#include <stdio.h>

#include <algorithm>
#include <cstddef>

namespace prefork {
namespace {

using std::chrono::milliseconds;

constexpr int kOrphanExitCode = 1;

// Less is usual, and explains nothing.
constexpr milliseconds kWorthAWord(100);

long long InMs(milliseconds time) { return time.count(); }

}  // namespace

void MasterDeadlines::NoteDeath() {
  if (!died_) died_ = Clock::now();
  overtime_.Changed();
}

void MasterDeadlines::SetGrace(std::optional<milliseconds> grace) {
  grace_ = grace;
  overtime_.Changed();
}

void MasterDeadlines::ExitAfter(milliseconds delay, int code) {
  exit_at_ = Clock::now() + delay;
  exit_code_ = code;
  overtime_.Changed();
}

int MasterDeadlines::Step() {
  std::optional<Clock::time_point> end = exit_at_;
  bool orphaned = false;
  if (died_ && grace_) {
    const Clock::time_point over = *died_ + *grace_;
    orphaned = !end || over <= *end;
    if (orphaned) end = over;
    if (grace_->count() == 0) End(true);
    if (!reported_) {
      reported_ = true;
      on_death_();
    }
  }
  if (!end) {
    overtime_ = {};
    return -1;
  }
  const long long left = InMs(overtime_.Left(*end));
  if (left == 0) End(orphaned);
  constexpr long long kLongestSleep = 24 * 3600 * 1000;
  return static_cast<int>(std::min(left, kLongestSleep));
}

// Takes no memory of the heap: the main thread may stand still in the middle of it.
void MasterDeadlines::End(bool orphaned) const {
  char why[128] = "its time is over, and it has not ended by itself";
  if (orphaned && InMs(*grace_) == 0) {
    snprintf(why, sizeof why, "master %d is gone", master_);
  } else if (orphaned) {
    snprintf(why, sizeof why, "master %d is gone and %lld ms of grace are over", master_,
             InMs(*grace_));
  }
  char starved[64] = "";
  const milliseconds waited = overtime_.Waited();
  if (waited >= kWorthAWord)
    snprintf(starved, sizeof starved, "; it waited %lld ms for a CPU", InMs(waited));
  char line[256];
  const int size =
      snprintf(line, sizeof line, "prefork: worker %d ends: %s%s\n", OwnPid(), why, starved);
  if (size > 0) SayLastWords(line, std::min(static_cast<std::size_t>(size), sizeof line - 1));
  EndProcess(orphaned ? kOrphanExitCode : exit_code_);
}

}  // namespace prefork
