#include "native/posix/scoreboard.h"

#include <algorithm>
#include <utility>

#include "native/posix/libuv.h"

namespace prefork {
namespace {

using namespace scoreboard;

// Nanoseconds.
constexpr std::uint64_t kInterval = 1'000'000'000;
constexpr double kMillisecond = 1e6;

}  // namespace

LoopTimes::LoopTimes(uv_loop_s* loop, std::shared_ptr<Word64> line)
    : loop_(loop),
      line_(std::move(line)),
      polled_(Uv().hrtime()),
      idle_(Uv().metrics_idle_time(loop)),
      began_(polled_),
      hook_(loop, [this] { BeforePoll(); }) {
  hook_.Start();
}

// From one poll to the next the loop sleeps, then it is busy, and what arrives meanwhile waits for
// the next poll. An event that comes at any time meets a turn of `busy` with a probability of
// busy / interval, and waits for half of it on average: the mean over all turns is the sum of
// busy² / 2 / interval.
void LoopTimes::BeforePoll() {
  const std::uint64_t now = Uv().hrtime();
  const std::uint64_t idle = Uv().metrics_idle_time(loop_);
  const std::uint64_t whole = now - polled_;
  const std::uint64_t busy = whole - std::min(whole, idle - idle_);
  polled_ = now;
  idle_ = idle;
  longest_ = std::max(longest_, busy);
  const auto square = static_cast<double>(busy);
  squares_ += square * square;
  const auto put = [this](Word word, double value) {
    line_.get()[word].store(value, std::memory_order_relaxed);
  };
  put(kTurned, static_cast<double>(now) / kMillisecond);
  put(kTurns, ++turns_);
  const std::uint64_t interval = now - began_;
  if (interval < kInterval) return;
  put(kDelayMean, squares_ / 2 / static_cast<double>(interval) / kMillisecond);
  put(kDelayMax, static_cast<double>(longest_) / kMillisecond);
  began_ = now;
  longest_ = 0;
  squares_ = 0;
}

}  // namespace prefork
