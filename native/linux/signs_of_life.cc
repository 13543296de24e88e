// Two signs of life: a pidfd on the master, and the control channel, whose other end only the
// master holds. The pidfd needs the master to be visible in this pid namespace and the system to
// allow pidfd_open(2); the channel also works behind wrappers, across namespaces and under seccomp.
#include "native/core/signs_of_life.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native/core/sys_error.h"
#include "native/linux/pidfd.h"
#include "native/linux/wakeable_epoll.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

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

class LinuxSigns : public SignsOfLife {
 public:
  bool Arm(const MasterProcess& master) override {
    const int control_fd = master.control_fd;
    const pid_t peer = control_fd >= 0 ? PeerPid(control_fd) : master.pid;
    // Without a channel nothing shows whether the pid means the same process here. A parent outside
    // this pid namespace (getppid() is 0) shows that it does not.
    const bool visible = control_fd >= 0 ? peer == master.pid : getppid() != 0;
    bool alive = true;
    if (visible) {
      pidfd_.Reset(OpenPidfd(master.pid));
      if (!pidfd_ && errno == ESRCH) alive = false;
    }
    if (!visible) errno = ESRCH;
    const int refused = errno;
    if (!pidfd_ && alive && control_fd < 0) {
      throw SysError(refused, "pidfd_open")
          .Advise("without it and without a control channel the worker cannot watch its master");
    }
    if (pidfd_) epoll_.Add(pidfd_.Get(), EPOLLIN | EPOLLONESHOT, kMasterId);
    if (control_fd < 0) return alive;
    // With a pidfd the watch only borrows the channel: an epoll registration holds no reference to
    // the file, epoll(7). So when JavaScript closes its descriptor, the master sees end-of-file as
    // it should, and the pidfd goes on. Without a pidfd the channel is the only sign of life, so a
    // duplicate keeps it open. A worker that closes its end and lives on then looks connected to
    // the master until it exits. The master learns exits by pid, so nothing is lost.
    if (!pidfd_) channel_ = Duplicate(control_fd);
    // This registers and checks the channel after pidfd_open(2), so that a process which got a
    // recycled pid before that cannot pass for the master:
    //   master dies, channel hangs up | pid recycled | pidfd_open | this: hung up, dead
    epoll_.Add(pidfd_ ? control_fd : channel_.Get(), EPOLLRDHUP | EPOLLONESHOT, kChannelId);
    return alive && !HungUp(control_fd);
  }

  bool Wait(int timeout) override {
    std::uint64_t ids[4];
    const int count = epoll_.Wait(ids, 4, timeout);
    bool died = false;
    for (int i = 0; i < count; ++i) {
      if (ids[i] != kWakeId) died = true;
    }
    return died;
  }

  void Wake() override { epoll_.Wake(); }

  // The kernel's signal goes only after the watch is proven: registered, and the master alive at a
  // moment after that.
  //   armed → master dies → cleared: the watch sees it.
  //   armed → checked → cleared → master dies: the watch sees it, too.
  //   cleared → master dies → armed: only an arming that finds a dead master sees it, and a recycled
  //   pid hides that. So the signal is never cleared first.
  void ClearDeathSignal(bool needs_proof) override {
    if (needs_proof && !Alive()) return;
    // The attribute is the thread's and the child of exec is the main thread, prctl(2).
    if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) != 0) throw SysError(errno, "prctl");
  }

 private:
  // Proof that the watch sees a living master.
  bool Alive() const {
    if (pidfd_ && PidfdEnded(pidfd_.Get())) return false;
    if (!pidfd_ && !channel_) return false;
    return !channel_ || !HungUp(channel_.Get());
  }

  WakeableEpoll epoll_;
  UniqueFd pidfd_;
  UniqueFd channel_;  // own duplicate; only where there is no pidfd
};

}  // namespace

std::unique_ptr<SignsOfLife> MakeSignsOfLife() { return std::make_unique<LinuxSigns>(); }

}  // namespace prefork
