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
// In less nothing opens a descriptor, on all threads together: a quarter of a microsecond, and
// twice as long to be sure.
constexpr std::chrono::nanoseconds kQuickestOpen(500);
// From here on it pays to know how far away the end is: a system call before every poll would cost
// a connection up to two per cent.
constexpr long kLargeLimit = 4096;
// The limit of a process can be changed from outside, prlimit(2): every so many questions it is
// read again.
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
  // The kernel gives out the lowest number that is free: what is free among the highest ones is a
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
    // More than what was too little: a worker that leaves and comes back with every connection
    // helps nobody.
    short_ = !HasFree(margin_ + (margin_ + 1) / 2);
    return short_;
  }
  const bool large = limit_ >= kLargeLimit;
  if (large && Clock::now() < next_) return false;
  if (large || asked_++ % kLimitEvery == 0) ReadLimit();
  // Lowest numbers first: as long as this one is free there are as many left.
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
