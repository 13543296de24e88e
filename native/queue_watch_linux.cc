// One thread for all queues, asleep in epoll_wait(2). EPOLLONESHOT, epoll_ctl(2), makes a queue
// silent from the first connection until it is looked at again: a busy listener costs two wake-ups
// in every `delay`, not one for every connection.
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include <deque>
#include <mutex>
#include <unordered_map>

#include "queue_watch.h"
#include "sleeper.h"
#include "sys_error.h"
#include "thread.h"
#include "wake_linux.h"

namespace prefork {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint32_t kEvents = EPOLLIN | EPOLLONESHOT;
// Looks that are due within this part of the delay share a wake-up, at the later time.
constexpr int kLooksPerDelay = 5;

enum class Phase {
  kQuiet,    // armed
  kSuspect,  // somebody came; a look is due
  kTold,     // disarmed until Rearm()
};

struct Queue {
  int fd;
  Phase phase = Phase::kQuiet;
  Clock::time_point since;
};

}  // namespace

struct QueueWatch::State {
  State(milliseconds pause, Sink on_waiting)
      : delay(pause), slack(pause / kLooksPerDelay), sink(std::move(on_waiting)) {}

  const milliseconds delay;
  const milliseconds slack;
  WakeableEpoll epoll;

  // Guards what follows, and the descriptors: they are touched under it only, so that one may be
  // closed once Remove() has returned. Held while the sink runs, so that Stop() excludes it.
  std::mutex mutex;
  Sink sink;
  bool stopped = false;
  std::uint64_t last_id = kWakeId;
  std::unordered_map<std::uint64_t, Queue> queues;
  std::unordered_map<int, std::uint64_t> ids;
  // In the order of `since`, because all have the same delay. May name queues that were removed.
  std::deque<std::uint64_t> suspects;

  void Wake() { epoll.Wake(); }

  // For epoll_wait(2); rounded up, or the thread would spin through the last millisecond.
  int TimeToLook() const {
    if (suspects.empty()) return -1;
    const auto found = queues.find(suspects.front());
    if (found == queues.end()) return 0;
    const auto left = found->second.since + delay + slack - Clock::now();
    const auto rounded = std::chrono::ceil<milliseconds>(left).count();
    return rounded > 0 ? static_cast<int>(rounded) : 0;
  }

  void Suspect(std::uint64_t id, Clock::time_point now) {
    const auto found = queues.find(id);
    // Removed between epoll_wait(2) and the lock.
    if (found == queues.end() || found->second.phase != Phase::kQuiet) return;
    found->second.phase = Phase::kSuspect;
    found->second.since = now;
    suspects.push_back(id);
  }

  void Look(Clock::time_point now) {
    std::vector<std::uint64_t> due;
    std::vector<pollfd> polled;
    for (; !suspects.empty(); suspects.pop_front()) {
      const auto found = queues.find(suspects.front());
      if (found == queues.end()) continue;
      if (found->second.since + delay > now) break;
      due.push_back(found->first);
      polled.push_back({found->second.fd, POLLIN, 0});
    }
    if (due.empty()) return;
    // Does not wait. Fails for want of memory only, poll(2): then no queue counts as empty, and who
    // hears of it looks for himself.
    const bool known = poll(polled.data(), polled.size(), 0) >= 0;
    std::vector<Waiting> waiting;
    for (std::size_t i = 0; i < due.size(); ++i) {
      Queue& queue = queues.at(due[i]);
      // A connection between poll and this is not missed: EPOLL_CTL_MOD looks for itself.
      if (known && polled[i].revents == 0 && Arm(due[i], &queue)) continue;
      queue.phase = Phase::kTold;
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

QueueWatch::QueueWatch(milliseconds delay, Sink sink)
    : state_(std::make_shared<State>(delay, std::move(sink))) {
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
  state_->queues.emplace(id, Queue{fd, Phase::kQuiet, {}});
  state_->ids.emplace(fd, id);
}

void QueueWatch::Rearm(int fd) {
  if (!state_) return;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const auto found = state_->ids.find(fd);
  if (found == state_->ids.end())
    throw SysError(ENOENT, "epoll_ctl").Advise("the descriptor is not watched");
  Queue& queue = state_->queues.at(found->second);
  if (queue.phase != Phase::kTold) return;
  if (!state_->Arm(found->second, &queue)) throw SysError(errno, "epoll_ctl");
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

std::vector<QueueWatch::Waiting> QueueWatch::StillTold(std::vector<Waiting> told) {
  if (!state_) return {};
  const std::lock_guard<std::mutex> lock(state_->mutex);
  std::vector<Waiting> left;
  for (const Waiting& queue : told) {
    const auto found = state_->queues.find(queue.id);
    if (found != state_->queues.end() && found->second.phase == Phase::kTold) left.push_back(queue);
  }
  return left;
}

void QueueWatch::Stop() { StopSleeper(&state_, &thread_); }

}  // namespace prefork
