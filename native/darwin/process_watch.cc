// One thread for all children: EVFILT_PROC with NOTE_EXIT, kqueue(2).
#include "native/posix/process_watch.h"

#include <errno.h>

#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "native/core/sleeper.h"
#include "native/core/sys_error.h"
#include "native/core/thread.h"
#include "native/darwin/kqueue.h"

namespace prefork {

struct ProcessWatch::State {
  explicit State(Sink on_exit) : sink(std::move(on_exit)) {}

  Kqueue kqueue;
  std::mutex mutex;  // guards what follows; held while the sink runs, so that Stop() excludes it
  Sink sink;
  bool stopped = false;
  std::unordered_map<std::uint64_t, std::shared_ptr<Process>> children;
  // Children that ended before their registration: the kernel does not report those.
  std::vector<std::uint64_t> ended;

  void Wake() { kqueue.Wake(); }

  void Deliver(std::uint64_t id) {
    const std::shared_ptr<Process> process = Find(id);
    if (!process) return;
    // The kernel reports the end before this process can reap the child (bsd/kern/kern_exit.c,
    // proc_exit: NOTE_EXIT, then SZOMB):
    //   child exits: NOTE_EXIT | this: waitpid(WNOHANG) finds nothing | child: zombie, for ever
    // and it reports once. So this waits for as long as the kernel takes, and not under the mutex,
    // which the main thread needs. AwaitEnd() returns false for a child in a debugger, which has
    // the first claim on the exit: the watch then reports an exit without a code.
    process->AwaitEnd();
    const std::lock_guard<std::mutex> lock(mutex);
    if (stopped || children.count(id) == 0) return;
    const std::optional<ProcessExit> exit = process->Reap();
    if (!exit) return;  // not after AwaitEnd()
    children.erase(id);
    sink(id, *exit);
  }

  std::shared_ptr<Process> Find(std::uint64_t id) {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = children.find(id);
    return stopped || found == children.end() ? nullptr : found->second;
  }

  std::vector<std::uint64_t> TakeEnded() {
    const std::lock_guard<std::mutex> lock(mutex);
    return std::exchange(ended, {});
  }

  bool Stopped() {
    const std::lock_guard<std::mutex> lock(mutex);
    return stopped;
  }

  void Run() {
    constexpr int kBatch = 64;
    struct kevent events[kBatch];
    while (!Stopped()) {
      for (const std::uint64_t id : TakeEnded()) Deliver(id);
      const int count = kqueue.Wait(events, kBatch, -1);
      for (int i = 0; i < count; ++i) Deliver(IdOf(events[i]));
    }
  }
};

ProcessWatch::ProcessWatch(Sink sink) : state_(std::make_shared<State>(std::move(sink))) {
  thread_ = StartThread("prefork-watch", [state = state_] { state->Run(); });
}

ProcessWatch::~ProcessWatch() { Stop(); }

void ProcessWatch::Add(std::uint64_t id, std::shared_ptr<Process> process) {
  // In the table before the registration: a child may end at any moment after that.
  const auto pid = static_cast<std::uintptr_t>(process->pid());
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->children.emplace(id, std::move(process));
  }
  // No exit falls between the two: registering takes a reference to the process, which an exit
  // waits for before it reports (bsd/kern/kern_exit.c, proc_refdrain), and finds no process that is
  // about to end. No other process can have the pid, because only this watch reaps.
  const int error =
      state_->kqueue.Change(MakeChange(pid, EVFILT_PROC, EV_ADD | EV_ONESHOT, NOTE_EXIT, 0, id));
  if (error == 0) return;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    if (error == ESRCH)
      state_->ended.push_back(id);
    else
      state_->children.erase(id);
  }
  if (error != ESRCH) throw SysError(error, "kevent");
  state_->kqueue.Wake();
}

void ProcessWatch::Stop() { StopSleeper(&state_, &thread_); }

}  // namespace prefork
