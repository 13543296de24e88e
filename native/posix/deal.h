// Deals connections among workers that stand in line (AcceptLine). It decides when a worker goes to
// the end of the line, and when it stays away for a moment because it holds more than its share.
//
// A connection that comes and goes keeps meeting the same worker, whose caches are warm. One that
// stays moves its worker to the end of the line, unless it still holds the fewest. A worker that
// holds clearly more than another one that accepts *yields*: it leaves the line for as long as that
// one takes connections that stay. Without that a worker that joins late never catches up: the
// order of the line decides only which worker the kernel wakes, and in a burst all are awake.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "native/posix/board.h"

namespace prefork {

class Deal {
 public:
  enum class Step {
    kStay,
    kTurn,   // to the end of the line
    kYield,  // out of the line for kFirstLook, then ask YieldsOn()
  };
  static constexpr std::chrono::milliseconds kFirstLook{2};
  static constexpr std::chrono::milliseconds kNextLooks{4};

  // `counts`: connections that are open, and how many there ever were; both wrap. `board` may be
  // missing: then no worker yields.
  Deal(const std::uint32_t* counts, const Board* board, std::uint32_t row);

  // The caller asks before a poll, after it counted every connection of the last one.
  Step Review();
  // When a look is due: whether this worker stays away for kNextLooks more.
  bool YieldsOn();
  // Shows the others what this worker holds.
  void Publish(bool accepts);

 private:
  using Clock = std::chrono::steady_clock;

  struct Least {
    std::uint32_t row;
    std::uint32_t held;
  };

  std::optional<Least> FindLeast() const;
  bool IsStuck(std::uint32_t row) const;
  // Whether its worker has hardly begun: it runs code that has never run.
  bool IsYoung(std::uint32_t row) const;
  bool IsOver(std::uint32_t held, std::uint32_t least) const;
  void Watch(std::uint32_t row, Clock::time_point now);

  const std::uint32_t* counts_;
  const Board* board_;
  std::uint32_t row_;
  // Since the last turn: how many connections there ever were, and the fewest that were open.
  std::uint32_t accepted_ = 0;
  std::uint32_t low_ = 0;
  // While this worker yields: the row of the other one, what that one had, and until when at most.
  std::uint32_t to_ = 0;
  std::uint32_t its_accepted_ = 0;
  std::uint32_t its_held_ = 0;
  // In this yield: how many connections others took, and how many of theirs ended.
  std::uint32_t took_ = 0;
  std::uint32_t ended_ = 0;
  Clock::time_point until_ = {};
  // Since when this worker watches whether the other one takes any.
  Clock::time_point asked_ = {};
  // No new yield before that.
  Clock::time_point not_before_ = {};
  // Rows whose worker took nothing while this one yielded, with the turns of their loops by then.
  // Such a row does not count until its loop turns again.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> stuck_;
};

}  // namespace prefork
