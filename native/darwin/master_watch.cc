// Two signs of life: EVFILT_PROC on the master, and the control channel, whose other end only the
// master holds. The kernel has no death signal (PR_SET_PDEATHSIG of Linux), so this thread is all
// there is: it runs whatever the event loop does, and from the preload of a worker on.
#include "native/core/master_watch.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <future>
#include <limits>
#include <mutex>
#include <string>

#include "native/core/master_deadlines.h"
#include "native/core/sleeper.h"
#include "native/core/sys_error.h"
#include "native/core/thread.h"
#include "native/darwin/kqueue.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMasterId = 1;
constexpr std::uint64_t kChannelId = 2;
constexpr std::chrono::seconds kLastWords(1);

bool IsDeath(const struct kevent& event) {
  // Data on the channel is for the event loop, which reads it; only its end is for us.
  return event.filter == EVFILT_PROC || (event.flags & EV_EOF) != 0;
}

}  // namespace

// poll(2) skips what cannot be written to. Should another writer fill the pipe in between, the
// thread that writes is left where it is: there is no timer_create(2) whose SIGKILL would end it.
void SayLastWords(const char* text, std::size_t size) {
  pollfd item = {STDERR_FILENO, POLLOUT, 0};
  if (poll(&item, 1, 0) <= 0 || (item.revents & POLLOUT) == 0) return;
  const auto written = std::make_shared<std::promise<void>>();
  const std::future<void> done = written->get_future();
  try {
    StartThread("prefork-words", [written, words = std::string(text, size)] {
      // Nobody is left to tell about a failure.
      const ssize_t ignored = write(STDERR_FILENO, words.data(), words.size());
      static_cast<void>(ignored);
      written->set_value();
    }).detach();
  } catch (const SysError&) {
    return;  // no thread to be had: without words, then
  }
  done.wait_for(kLastWords);
}

struct MasterWatch::State {
  State(int master_pid, Sink sink) : master(master_pid), deadlines(master_pid, std::move(sink)) {}

  const int master;
  Kqueue kqueue;
  UniqueFd channel;  // own duplicate; only where the process cannot be watched

  std::mutex mutex;  // guards what follows; held while the sink runs, so that Stop() excludes it
  bool stopped = false;
  MasterDeadlines deadlines;

  void Wake() { kqueue.Wake(); }

  void Look(int timeout) {
    struct kevent events[4];
    const int count = kqueue.Wait(events, 4, timeout);
    const std::lock_guard<std::mutex> lock(mutex);
    for (int i = 0; i < count; ++i) {
      if (IsDeath(events[i])) deadlines.NoteDeath();
    }
  }

  void Run() {
    for (;;) {
      int timeout;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        if (stopped) return;
        timeout = deadlines.Step();
      }
      Look(timeout);
    }
  }

  // Called from the main thread before the thread of the watch runs.
  void Arm(int control_fd) {
    // There are no pid namespaces: the number means the same process here, whoever started this
    // one.
    const int refused = kqueue.Change(MakeChange(static_cast<std::uintptr_t>(master), EVFILT_PROC,
                                                 EV_ADD | EV_ONESHOT, NOTE_EXIT, 0, kMasterId));
    // A process that has ended, or is about to, is not found.
    if (refused == ESRCH) deadlines.NoteDeath();
    if (refused != 0 && refused != ESRCH && control_fd < 0) {
      throw SysError(refused, "kevent")
          .Advise("without it and without a control channel nobody watches the master");
    }
    if (control_fd >= 0) ArmChannel(control_fd, refused != 0);
  }

  void ArmChannel(int control_fd, bool alone) {
    // Beside the process the channel is only borrowed: closing a descriptor takes its events out of
    // the queue, kqueue(2), so when JavaScript closes it the master sees end-of-file as it should,
    // and the process is watched on. Alone, it is the only sign of life there is: a duplicate keeps
    // it.
    if (alone) channel = Duplicate(control_fd);
    const int fd = alone ? channel.Get() : control_fd;
    // A low-water mark that no message reaches: the thread sleeps while the master talks. Its end
    // is told in any case (bsd/kern/uipc_socket.c, filt_soread_common), and EV_CLEAR keeps a buffer
    // that is full from being told over and over.
    const int error =
        kqueue.Change(MakeChange(static_cast<std::uintptr_t>(fd), EVFILT_READ, EV_ADD | EV_CLEAR,
                                 NOTE_LOWAT, std::numeric_limits<int>::max(), kChannelId));
    if (error != 0) throw SysError(error, "kevent");
    // Looked at after EVFILT_PROC, so a pid that was recycled before cannot pass for the master:
    //   master dies, channel ends | pid recycled | EVFILT_PROC of a stranger | this: ended, dead
    Look(0);
  }
};

MasterWatch::MasterWatch(const MasterProcess& master, Sink on_death)
    : state_(std::make_shared<State>(master.pid, std::move(on_death))) {
  state_->Arm(master.control_fd);
  thread_ = StartThread("prefork-parent", [state = state_] { state->Run(); });
}

MasterWatch::~MasterWatch() { Stop(); }

// There is no death signal that could be kept: no grace, with which it is asked for, ends the
// worker from the thread, at once.
void MasterWatch::Configure(std::optional<milliseconds> grace, bool) {
  if (!state_) return;
  ChangeAndWake(*state_, [&](State& state) { state.deadlines.SetGrace(grace); });
}

void MasterWatch::ExitAfter(milliseconds delay, int code) {
  if (!state_) return;
  ChangeAndWake(*state_, [&](State& state) { state.deadlines.ExitAfter(delay, code); });
}

void MasterWatch::Stop() { StopSleeper(&state_, &thread_); }

}  // namespace prefork
