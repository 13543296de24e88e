// What the workers of a fleet have counted: memory that the master reads, with a line for each
// worker, which is the only process that writes to it. JavaScript writes most of a line, and sees
// it as a Float64Array; what belongs to the event loop is written here, before every poll.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "native/posix/loop_hook.h"
#include "native/posix/shared_memory.h"

namespace prefork {

namespace scoreboard {

// lib/protocol/scoreboard.ts has the same.
constexpr std::size_t kWords = 32;
enum Word : std::size_t { kTurned = 5, kTurns = 7, kDelayMean = 8, kDelayMax = 9 };

// Reads and writes of one word are never torn, and a writer never waits.
using Word64 = std::atomic<double>;
static_assert(Word64::is_always_lock_free && sizeof(Word64) == 8);

constexpr std::size_t kLine = kWords * sizeof(Word64);
// A multiple of 64 KiB, the largest page.
constexpr std::uint32_t kRows = 1024;
constexpr off_t kSize = kRows * kLine;

}  // namespace scoreboard

// Times the turns of an event loop.
class LoopTimes {
 public:
  // `line`: of kWords numbers.
  LoopTimes(uv_loop_s* loop, std::shared_ptr<scoreboard::Word64> line);
  void Stop() { hook_.Stop(); }

 private:
  void BeforePoll();

  uv_loop_s* loop_;
  std::shared_ptr<scoreboard::Word64> line_;
  double turns_ = 0;
  // Nanoseconds: of the last poll, and how long the loop had slept in all of its life by then.
  std::uint64_t polled_ = 0;
  std::uint64_t idle_ = 0;
  // The interval that is not over.
  std::uint64_t began_ = 0;
  std::uint64_t longest_ = 0;
  double squares_ = 0;
  LoopHook hook_;
};

}  // namespace prefork
