// One thread for all queues, asleep in epoll_wait(2). EPOLLONESHOT, epoll_ctl(2), makes a queue
// silent from the first connection until it is looked at again: a busy listener costs two wake-ups
// in every `delay`, not one for every connection.
#include "native/linux/queue_watch.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include <mutex>
#include <optional>
#include <unordered_map>

#include "native/core/sleeper.h"
#include "native/core/sys_error.h"
#include "native/core/thread.h"
#include "native/linux/wakeable_epoll.h"

namespace prefork {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLONESHOT;
// Looks that are due within this part of the delay share a wake-up, at the later time.
constexpr int kLooksPerDelay = 5;
// Between looks that confirm the first one.
constexpr milliseconds kConfirmEvery(2);

enum class Phase {
  kQuiet,     // armed
  kSuspect,   // a connection came; a look is due
  kReported,  // disarmed until Rearm()
};

struct Queue {
  int fd;
  Phase phase = Phase::kQuiet;
  Clock::time_point since;
  Clock::time_point due;  // while kSuspect
  int looks = 0;          // that found a connection
};

}  // namespace

struct QueueWatch::State {
  State(milliseconds pause, int confirmations, Sink on_waiting)
      : delay(pause),
        slack(pause / kLooksPerDelay),
        wanted(1 + confirmations),
        sink(std::move(on_waiting)) {}

  const milliseconds delay;
  const milliseconds slack;
  const int wanted;
  WakeableEpoll epoll;

  // Guards the fields below and the descriptors. The thread touches a descriptor under it only, so
  // that JavaScript may close one once Remove() has returned. Held while the sink runs, so that
  // Stop() excludes it.
  std::mutex mutex;
  Sink sink;
  bool stopped = false;
  std::uint64_t last_id = kWakeId;
  std::unordered_map<std::uint64_t, Queue> queues;
  std::unordered_map<int, std::uint64_t> ids;
  // May name queues that were removed.
  std::vector<std::uint64_t> suspects;

  void Wake() { epoll.Wake(); }

  // For epoll_wait(2); rounded up, or the thread would spin through the last millisecond.
  int TimeToLook() const {
    std::optional<Clock::time_point> next;
    for (const std::uint64_t id : suspects) {
      const auto found = queues.find(id);
      if (found == queues.end()) continue;
      const Queue& queue = found->second;
      const Clock::time_point at = queue.looks == 0 ? queue.due + slack : queue.due;
      if (!next || at < *next) next = at;
    }
    if (!next) return -1;
    const auto left = *next - Clock::now();
    const auto rounded = std::chrono::ceil<milliseconds>(left).count();
    return rounded > 0 ? static_cast<int>(rounded) : 0;
  }

  void Suspect(std::uint64_t id, Clock::time_point now) {
    const auto found = queues.find(id);
    // Removed between epoll_wait(2) and the lock.
    if (found == queues.end() || found->second.phase != Phase::kQuiet) return;
    found->second.phase = Phase::kSuspect;
    found->second.since = now;
    found->second.due = now + delay;
    found->second.looks = 0;
    suspects.push_back(id);
  }

  void Look(Clock::time_point now) {
    std::vector<std::uint64_t> due;
    std::vector<pollfd> polled;
    std::vector<std::uint64_t> later;
    for (const std::uint64_t id : suspects) {
      const auto found = queues.find(id);
      if (found == queues.end()) continue;
      if (found->second.due > now) {
        later.push_back(id);
        continue;
      }
      due.push_back(id);
      polled.push_back({found->second.fd, POLLIN, 0});
    }
    suspects = std::move(later);
    if (due.empty()) return;
    // This poll(2) does not wait, and fails only when memory is short. Then no queue counts as
    // empty, and the receiver of the report finds out.
    const bool known = poll(polled.data(), polled.size(), 0) >= 0;
    std::vector<Waiting> waiting;
    for (std::size_t i = 0; i < due.size(); ++i) {
      Queue& queue = queues.at(due[i]);
      // No connection between poll and this is missed: EPOLL_CTL_MOD looks at the queue itself.
      if (known && polled[i].revents == 0 && Arm(due[i], &queue)) continue;
      if (++queue.looks < wanted) {
        queue.due = now + kConfirmEvery;
        suspects.push_back(due[i]);
        continue;
      }
      queue.phase = Phase::kReported;
      waiting.push_back({due[i], queue.fd, now - queue.since});
    }
    if (!waiting.empty()) sink(std::move(waiting));
  }

  bool Arm(std::uint64_t id, Queue* queue) {
    if (!epoll.Modify(queue->fd, kEvents, id)) return false;
    queue->phase = Phase::kQuiet;
    return true;
  }
};

QueueWatch::QueueWatch(milliseconds delay, int confirmations, Sink sink)
    : state_(std::make_shared<State>(delay, confirmations, std::move(sink))) {
  thread_ = StartThread("prefork-queues", [state = state_] {
    constexpr int kBatch = 64;
    std::uint64_t ids[kBatch];
    for (;;) {
      int timeout;
      {
        const std::lock_guard<std::mutex> lock(state->mutex);
        if (state->stopped) return;
        timeout = state->TimeToLook();
      }
      const int count = state->epoll.Wait(ids, kBatch, timeout);
      const std::lock_guard<std::mutex> lock(state->mutex);
      if (state->stopped) return;
      const Clock::time_point now = Clock::now();
      for (int i = 0; i < count; ++i) state->Suspect(ids[i], now);
      state->Look(now);
    }
  });
}

QueueWatch::~QueueWatch() { Stop(); }

void QueueWatch::Add(int fd) {
  if (!state_) throw SysError(EBADF, "epoll_ctl").Advise("the watch is closed");
  const std::lock_guard<std::mutex> lock(state_->mutex);
  // Before the tables: a second registration of one descriptor fails here with EEXIST.
  const std::uint64_t id = state_->last_id + 1;
  state_->epoll.Add(fd, kEvents, id);
  state_->last_id = id;
  state_->queues.emplace(id, Queue{fd, Phase::kQuiet, {}, {}});
  state_->ids.emplace(fd, id);
}

void QueueWatch::Rearm(int fd) {
  if (!state_) return;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const auto found = state_->ids.find(fd);
  if (found == state_->ids.end())
    throw SysError(ENOENT, "epoll_ctl").Advise("the descriptor is not watched");
  Queue& queue = state_->queues.at(found->second);
  if (queue.phase != Phase::kReported) return;
  if (state_->Arm(found->second, &queue)) return;
  // Memory is short: no caller asked for this report that could try again, so the thread
  // looks at the queue once more after the delay.
  queue.phase = Phase::kQuiet;
  state_->Suspect(found->second, Clock::now());
  state_->Wake();
}

void QueueWatch::Remove(int fd) {
  if (!state_) return;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const auto found = state_->ids.find(fd);
  if (found == state_->ids.end()) return;
  state_->queues.erase(found->second);
  state_->ids.erase(found);
  if (!state_->epoll.Remove(fd))
    throw SysError(errno, "epoll_ctl").Advise("a descriptor is to be closed after its removal");
}

std::vector<QueueWatch::Waiting> QueueWatch::StillReported(const std::vector<Waiting>& reported) {
  if (!state_) return {};
  const std::lock_guard<std::mutex> lock(state_->mutex);
  std::vector<Waiting> left;
  for (const Waiting& queue : reported) {
    const auto found = state_->queues.find(queue.id);
    if (found != state_->queues.end() && found->second.phase == Phase::kReported)
      left.push_back(queue);
  }
  return left;
}

void QueueWatch::Stop() { StopSleeper(&state_, &thread_); }

}  // namespace prefork
