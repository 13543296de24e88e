#include "native/posix/deal.h"

#include <algorithm>

namespace prefork {
namespace {

using std::chrono::milliseconds;

// So many connections above the fewest may be about to end: a client that asks again at once
// connects before its worker has seen the end of the last connection.
constexpr std::uint32_t kComing = 2;
// A worker with so many connections more than the least does not yield: a few, or a part of the
// least.
constexpr std::uint32_t kSlack = 2;
constexpr std::uint32_t kSlackPart = 16;
// How long the other worker may take for its first connection: a few slices of a busy CPU. A young
// one runs its code for the first time.
constexpr milliseconds kPatience(6);
constexpr milliseconds kYoungPatience(80);
constexpr std::uint32_t kYoung = 256;
// A burst that the others cannot take in this time is for all workers for a while (kForAll): the
// one that polls first takes the connections that wait by then. A young worker gets longer, when it
// matters most: the clients that a reload has moved come to it all at once.
constexpr milliseconds kLongestYield(200);
constexpr milliseconds kLongestYoungYield(400);
constexpr milliseconds kForAll(50);
// After a yield that evened out nothing, because connections do not stay.
constexpr milliseconds kNoUse(1000);
// So many connections show whether those that come stay.
constexpr std::uint32_t kEnough = 8;

std::uint32_t Load(const std::atomic<std::uint32_t>& field) {
  return field.load(std::memory_order_relaxed);
}

}  // namespace

Deal::Deal(const std::uint32_t* counts, const Board* board, std::uint32_t row)
    : counts_(counts), board_(board), row_(row) {}

Deal::Step Deal::Review() {
  const std::uint32_t held = counts_[0];
  const bool accepted = counts_[1] != accepted_;
  accepted_ = counts_[1];
  if (!accepted || held <= kComing) {
    low_ = std::min(low_, held);
    return Step::kStay;
  }
  const bool grew = held > low_ + kComing;
  const std::optional<Least> least = FindLeast();
  const bool over = least && IsOver(held, least->held);
  low_ = grew ? held : std::min(low_, held);
  if (!over && (!grew || (least && held <= least->held))) return Step::kStay;
  if (!over) return Step::kTurn;
  const Clock::time_point now = Clock::now();
  if (now < not_before_) return Step::kTurn;
  took_ = 0;
  ended_ = 0;
  until_ = now + (IsYoung(least->row) ? kLongestYoungYield : kLongestYield);
  Watch(least->row, now);
  return Step::kYield;
}

bool Deal::YieldsOn() {
  const Clock::time_point now = Clock::now();
  const BoardRow& its = board_->Row(to_);
  const std::uint32_t took = Load(its.accepted) - its_accepted_;
  const auto kept = static_cast<std::int32_t>(Load(its.held) - its_held_);
  if (Load(its.accepts) == 0) return false;
  if (took == 0) {
    if (now - asked_ < (IsYoung(to_) ? kYoungPatience : kPatience)) return true;
    // No connection came, or the other worker is busy with something else.
    stuck_.emplace_back(to_, Load(its.turns));
    return false;
  }
  const std::int64_t ended = static_cast<std::int64_t>(took) - kept;
  // Where more end than came, clients leave that had stayed, together. That shows nothing about those
  // that come.
  if (ended <= static_cast<std::int64_t>(took)) {
    took_ += took;
    ended_ += static_cast<std::uint32_t>(std::max<std::int64_t>(ended, 0));
  }
  if (took_ >= kEnough && ended_ > took_ / 2) {
    not_before_ = now + kNoUse;
    return false;
  }
  if (now >= until_) {
    not_before_ = now + kForAll;
    return false;
  }
  const std::optional<Least> least = FindLeast();
  if (!least || !IsOver(counts_[0], least->held)) return false;
  Watch(least->row, now);
  return true;
}

void Deal::Publish(bool accepts) {
  if (board_ == nullptr) return;
  BoardRow& own = board_->Row(row_);
  own.accepts.store(accepts ? 1 : 0, std::memory_order_relaxed);
  own.held.store(counts_[0], std::memory_order_relaxed);
  own.accepted.store(counts_[1], std::memory_order_relaxed);
  own.turns.store(Load(own.turns) + 1, std::memory_order_relaxed);
}

std::optional<Deal::Least> Deal::FindLeast() const {
  std::optional<Least> least;
  if (board_ == nullptr) return least;
  const std::uint32_t used = board_->Used();
  for (std::uint32_t row = 0; row < used; ++row) {
    const BoardRow& other = board_->Row(row);
    if (row == row_ || Load(other.accepts) == 0) continue;
    const std::uint32_t held = Load(other.held);
    if ((!least || held < least->held) && !IsStuck(row)) least = Least{row, held};
  }
  return least;
}

bool Deal::IsStuck(std::uint32_t row) const {
  for (const auto& [stuck, turns] : stuck_)
    if (stuck == row && turns == Load(board_->Row(row).turns)) return true;
  return false;
}

bool Deal::IsYoung(std::uint32_t row) const { return Load(board_->Row(row).accepted) < kYoung; }

bool Deal::IsOver(std::uint32_t held, std::uint32_t least) const {
  return held > least + std::max(kSlack, least / kSlackPart);
}

void Deal::Watch(std::uint32_t row, Clock::time_point now) {
  to_ = row;
  asked_ = now;
  its_accepted_ = Load(board_->Row(row).accepted);
  its_held_ = Load(board_->Row(row).held);
  // FindLeast() chose the row, so its worker is alive, and an older entry about it is void.
  stuck_.erase(std::remove_if(stuck_.begin(), stuck_.end(),
                              [row](const auto& stuck) { return stuck.first == row; }),
               stuck_.end());
}

}  // namespace prefork
