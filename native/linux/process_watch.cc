// One thread for all children: a pidfd becomes readable when its process ends, pidfd_open(2). A
// child without a pidfd gets a waiter thread of its own.
#include "native/posix/process_watch.h"

#include <sys/epoll.h>

#include <mutex>
#include <unordered_map>

#include "native/core/sleeper.h"
#include "native/core/sys_error.h"
#include "native/core/thread.h"
#include "native/linux/wakeable_epoll.h"

namespace prefork {

// Shared with waiter threads, which outlive the watch: waitid(2) cannot be woken without a signal
// handler.
struct ProcessWatch::State {
  explicit State(Sink on_exit) : sink(std::move(on_exit)) {}

  WakeableEpoll epoll;
  std::mutex mutex;  // guards what follows; held while the sink runs, so that Stop() excludes it
  Sink sink;
  bool stopped = false;
  std::unordered_map<std::uint64_t, std::shared_ptr<Process>> children;

  void Wake() { epoll.Wake(); }

  void Deliver(std::uint64_t id) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (stopped) return;
    const auto found = children.find(id);
    if (found == children.end()) return;
    const std::optional<ProcessExit> exit = found->second->Reap();
    // The pidfd is readable, but this process cannot reap yet: a debugger has the first claim on
    // the exit. The kernel reports another edge when the debugger lets go.
    if (!exit) return;
    children.erase(found);
    sink(id, *exit);
  }

  bool Stopped() {
    const std::lock_guard<std::mutex> lock(mutex);
    return stopped;
  }
};

ProcessWatch::ProcessWatch(Sink sink) : state_(std::make_shared<State>(std::move(sink))) {
  thread_ = StartThread("prefork-watch", [state = state_] {
    constexpr int kBatch = 64;
    std::uint64_t ids[kBatch];
    while (!state->Stopped()) {
      const int count = state->epoll.Wait(ids, kBatch, -1);
      for (int i = 0; i < count; ++i) {
        if (ids[i] != kWakeId) state->Deliver(ids[i]);
      }
    }
  });
}

ProcessWatch::~ProcessWatch() { Stop(); }

void ProcessWatch::Add(std::uint64_t id, std::shared_ptr<Process> process) {
  // In the table before the registration: the kernel reports a child that has ended already at
  // once.
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->children.emplace(id, process);
  }
  try {
    if (process->HasPidfd()) {
      // Edge-triggered: a readable pidfd whose process cannot be reaped yet must not spin the
      // thread.
      state_->epoll.Add(process->pidfd(), EPOLLIN | EPOLLET, id);
      return;
    }
    StartThread("prefork-wait", [state = state_, process, id] {
      process->AwaitEnd();
      state->Deliver(id);
    }).detach();
  } catch (...) {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->children.erase(id);
    throw;
  }
}

void ProcessWatch::Stop() {
  if (!state_) return;
  {
    // A thread that waits for one child may outlive the watch, and the state with it.
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->children.clear();
  }
  StopSleeper(&state_, &thread_);
}

}  // namespace prefork
