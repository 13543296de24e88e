#include "native/posix/descriptor_room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace prefork {
namespace {

constexpr long kLargestMargin = 128;
constexpr long kSmallestMargin = 4;
// No process opens a descriptor in less time, on all its threads together: a quarter of a
// microsecond, and twice as long to be sure.
constexpr std::chrono::nanoseconds kQuickestOpen(500);
// From this limit on it pays to estimate when descriptors can become short: a system call before
// every poll would make a connection up to two per cent dearer.
constexpr long kLargeLimit = 4096;
// Another process can change the limit, prlimit(2), so this reads it again after so many questions.
constexpr unsigned kLimitEvery = 64;

bool IsOpen(long number) { return fcntl(static_cast<int>(number), F_GETFD) >= 0; }

}  // namespace

void DescriptorRoom::ReadLimit() {
  rlimit limit = {};
  constexpr long most = std::numeric_limits<int>::max();
  limit_ = most;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < static_cast<rlim_t>(most))
    limit_ = static_cast<long>(limit.rlim_cur);
  margin_ = std::clamp(limit_ / 8, kSmallestMargin, kLargestMargin);
}

bool DescriptorRoom::HasFree(long wanted) const {
  if (const std::optional<long> open = CountDescriptors()) return limit_ - *open >= wanted;
  // The kernel gives out the lowest number that is free, so the free ones among the highest are a
  // lower bound.
  long free = 0;
  const long lowest = std::max(0L, limit_ - 2 * kLargestMargin);
  for (long number = limit_ - 1; number >= lowest && free < wanted; --number)
    if (!IsOpen(number)) ++free;
  return free >= wanted;
}

bool DescriptorRoom::Short() {
  if (short_) {
    ReadLimit();
    // More than the margin: otherwise a worker would leave and come back with every connection,
    // which helps no client.
    short_ = !HasFree(margin_ + (margin_ + 1) / 2);
    return short_;
  }
  const bool large = limit_ >= kLargeLimit;
  if (large && Clock::now() < next_) return false;
  if (large || asked_++ % kLimitEvery == 0) ReadLimit();
  // The kernel gives out the lowest numbers first: as long as this one is free, `margin_` are left.
  if (IsOpen(limit_ - margin_)) {
    short_ = !HasFree(margin_);
  } else if (large && !IsOpen(limit_ / 2)) {
    next_ = Clock::now() + kQuickestOpen * (limit_ / 4);
  }
  return short_;
}

DescriptorUse DescriptorRoom::Use() const {
  const std::optional<long> open = CountDescriptors();
  return {open.value_or(limit_ - margin_), limit_};
}

}  // namespace prefork
