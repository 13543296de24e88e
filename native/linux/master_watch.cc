// Two signs of life: a pidfd on the master, and the control channel, whose other end only the
// master holds. The pidfd needs the master to be visible in this pid namespace and the system to
// allow pidfd_open(2); the channel also works behind wrappers, across namespaces and under seccomp.
#include "native/core/master_watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <mutex>

#include "native/core/master_deadlines.h"
#include "native/core/sleeper.h"
#include "native/core/sys_error.h"
#include "native/core/thread.h"
#include "native/linux/pidfd.h"
#include "native/linux/wakeable_epoll.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMasterId = 1;
constexpr std::uint64_t kChannelId = 2;
constexpr int kHangUp = POLLHUP | POLLRDHUP;

// The process that made the socketpair, as this pid namespace numbers it; 0 when it is not visible
// here, unix(7).
pid_t PeerPid(int fd) {
  ucred credentials = {};
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
    throw SysError(errno, "getsockopt");
  return credentials.pid;
}

bool HungUp(int fd) {
  pollfd item = {fd, POLLRDHUP, 0};
  int ready;
  do {
    ready = poll(&item, 1, 0);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 && (item.revents & (kHangUp | POLLERR | POLLNVAL)) != 0;
}

}  // namespace

// poll(2) skips what cannot be written to, and a timer of the kernel ends the process should
// another writer fill the pipe in between.
void SayLastWords(const char* text, std::size_t size) {
  pollfd item = {STDERR_FILENO, POLLOUT, 0};
  if (poll(&item, 1, 0) <= 0 || (item.revents & POLLOUT) == 0) return;
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return;
  itimerspec second = {};
  second.it_value.tv_sec = 1;
  if (timer_settime(timer, 0, &second, nullptr) != 0) return;
  const ssize_t ignored =
      write(STDERR_FILENO, text, size);  // nobody is left to tell about a failure
  static_cast<void>(ignored);
}

struct MasterWatch::State {
  State(pid_t master_pid, Sink sink) : master(master_pid), deadlines(master_pid, std::move(sink)) {}

  const pid_t master;
  WakeableEpoll epoll;
  UniqueFd pidfd;
  UniqueFd channel;  // own duplicate; only where there is no pidfd

  std::mutex mutex;  // guards what follows; held while the sink runs, so that Stop() excludes it
  bool stopped = false;
  MasterDeadlines deadlines;

  void Wake() { epoll.Wake(); }

  void Run() {
    for (;;) {
      int timeout;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        if (stopped) return;
        timeout = deadlines.Step();
      }
      std::uint64_t ids[4];
      const int count = epoll.Wait(ids, 4, timeout);
      const std::lock_guard<std::mutex> lock(mutex);
      for (int i = 0; i < count; ++i) {
        if (ids[i] != kWakeId) deadlines.NoteDeath();
      }
    }
  }

  // Called from the main thread before the thread of the watch runs.
  void Arm(int control_fd) {
    const pid_t peer = control_fd >= 0 ? PeerPid(control_fd) : master;
    // Without a channel nobody can say whether the number means the same process here. A parent
    // outside this pid namespace (getppid() is 0) shows that it does not.
    const bool visible = control_fd >= 0 ? peer == master : getppid() != 0;
    if (visible) {
      pidfd.Reset(OpenPidfd(master));
      if (!pidfd && errno == ESRCH) deadlines.NoteDeath();
    }
    if (!visible) errno = ESRCH;
    const int refused = errno;
    if (!pidfd && !deadlines.Dead() && control_fd < 0) {
      throw SysError(refused, "pidfd_open")
          .Advise("without it and without a control channel nobody watches the master");
    }
    if (pidfd) epoll.Add(pidfd.Get(), EPOLLIN | EPOLLONESHOT, kMasterId);
    if (control_fd < 0) return;
    // With a pidfd the channel is only borrowed: an epoll registration holds no reference to the
    // file, epoll(7), so when JavaScript closes its descriptor the master sees end-of-file as it
    // should, and the pidfd goes on. Without a pidfd the channel is the only sign of life there is:
    // a duplicate keeps it, and a worker that closes its end and lives on looks connected to the
    // master until it exits (the master learns exits by pid, so nothing is lost).
    if (!pidfd) channel = Duplicate(control_fd);
    // Registered and looked at after pidfd_open(2), so a pid that was recycled before it was opened
    // cannot pass for the master:
    //   master dies, channel hangs up | pid recycled | pidfd_open | this: hung up, dead
    epoll.Add(pidfd ? control_fd : channel.Get(), EPOLLRDHUP | EPOLLONESHOT, kChannelId);
    if (HungUp(control_fd)) deadlines.NoteDeath();
  }

  // Proof that the watch sees a living master.
  bool MasterAlive() {
    if (pidfd && PidfdEnded(pidfd.Get())) return false;
    if (!pidfd && !channel) return false;
    return !channel || !HungUp(channel.Get());
  }
};

MasterWatch::MasterWatch(const MasterProcess& master, Sink on_death)
    : state_(std::make_shared<State>(master.pid, std::move(on_death))) {
  state_->Arm(master.control_fd);
  thread_ = StartThread("prefork-parent", [state = state_] { state->Run(); });
}

MasterWatch::~MasterWatch() { Stop(); }

void MasterWatch::Configure(std::optional<milliseconds> grace, bool keep_death_signal) {
  if (!state_) return;
  bool armed;
  ChangeAndWake(*state_, [&](State& state) {
    state.deadlines.SetGrace(grace);
    armed = !state.deadlines.Dead();
  });
  if (keep_death_signal) return;
  // The kernel's signal goes only after the watch is proven: registered, and the master alive at a
  // moment after that.
  //   armed → master dies → cleared: the watch sees it.
  //   armed → checked → cleared → master dies: the watch sees it, too.
  //   cleared → master dies → armed: only an arming that finds a dead master sees it, and a recycled
  //   pid hides that. So the signal is never cleared first.
  // A watch that is switched off on purpose (no grace) needs no proof. A master found dead keeps
  // its signal: the thread ends this process.
  if (grace && !(armed && state_->MasterAlive())) return;
  // The attribute is the thread's and the child of exec is the main thread, prctl(2).
  if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) != 0) throw SysError(errno, "prctl");
}

void MasterWatch::ExitAfter(milliseconds delay, int code) {
  if (!state_) return;
  ChangeAndWake(*state_, [&](State& state) { state.deadlines.ExitAfter(delay, code); });
}

void MasterWatch::Stop() { StopSleeper(&state_, &thread_); }

}  // namespace prefork
