#include "native/core/overtime.h"

#include <algorithm>

namespace prefork {
namespace {

using std::chrono::ceil;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

// From so long before the deadline on it counts what the main thread waits. In this time it has to
// end its connections: NATIVE_ENDS_MS of lib/protocol/deadlines.ts.
constexpr milliseconds kWindow(250);
// The most that a wait for a CPU can give. A worker is gone within a second of its deadline.
constexpr milliseconds kMost(500);
// Between two looks.
constexpr milliseconds kLook(50);
// A thread that sleeps and wakes up so late did not wait for a CPU alone: the process was stopped,
// or the machine. Nothing in the process ran then, not even this thread.
constexpr milliseconds kStandstill(100);

}  // namespace

void Overtime::Changed() {
  const Clock::time_point now = Clock::now();
  due_ = due_ ? std::min(*due_, now) : now;
}

milliseconds Overtime::Left(Clock::time_point deadline) {
  const Clock::time_point now = Clock::now();
  if (due_) {
    const Clock::duration late = now - std::max(*due_, deadline - kWindow);
    if (late > kStandstill) stood_ = std::max(stood_, late);
  }
  milliseconds left;
  if (now + kWindow < deadline) {
    stood_ = Clock::duration::zero();
    first_.reset();
    waited_ = milliseconds::zero();
    // Rounded up: after a sleep that ends a fraction too early the thread would spin through the
    // rest.
    left = ceil<milliseconds>(deadline - kWindow - now);
  } else {
    Note(now);
    const milliseconds own = ceil<milliseconds>(deadline + stood_ - now);
    left = std::clamp(own + std::min(waited_, kMost), milliseconds::zero(), kLook);
  }
  due_ = now + left;
  return left;
}

void Overtime::Note(Clock::time_point now) {
  const std::optional<CpuTime> time = MainThreadTime();
  if (!time) return;
  if (!first_ || !(*time == last_) || !time->ready) since_ = now;
  if (!first_) first_ = time;
  last_ = *time;
  // Ready for all of the time since the last look, and not on a CPU for any of it: it waits still.
  waited_ = duration_cast<milliseconds>(time->waiting - first_->waiting + (now - since_));
}

}  // namespace prefork
