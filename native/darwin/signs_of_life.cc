// Two signs of life: EVFILT_PROC on the master, and the control channel, whose other end only the
// master holds. The kernel has no death signal (PR_SET_PDEATHSIG of Linux), so the thread of the
// watch is all there is: it runs whatever the event loop does, and from the preload of a worker on.
#include "native/core/signs_of_life.h"

#include <errno.h>

#include <limits>

#include "native/core/sys_error.h"
#include "native/darwin/kqueue.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

constexpr std::uint64_t kMasterId = 1;
constexpr std::uint64_t kChannelId = 2;

bool IsDeath(const struct kevent& event) {
  // Data on the channel is for the event loop, which reads it; only its end matters here.
  return event.filter == EVFILT_PROC || (event.flags & EV_EOF) != 0;
}

class DarwinSigns : public SignsOfLife {
 public:
  bool Arm(const MasterProcess& master) override {
    // macOS has no pid namespaces: the pid means the same process in all of them.
    const int refused =
        kqueue_.Change(MakeChange(static_cast<std::uintptr_t>(master.pid), EVFILT_PROC,
                                  EV_ADD | EV_ONESHOT, NOTE_EXIT, 0, kMasterId));
    // The kernel does not find a process that has ended, or is about to.
    const bool found = refused != ESRCH;
    if (refused != 0 && found && master.control_fd < 0) {
      throw SysError(refused, "kevent")
          .Advise("without it and without a control channel the worker cannot watch its master");
    }
    const bool channel_ended =
        master.control_fd >= 0 && !ArmChannel(master.control_fd, refused != 0);
    return found && !channel_ended;
  }

  bool Wait(int timeout) override {
    struct kevent events[4];
    const int count = kqueue_.Wait(events, 4, timeout);
    bool died = false;
    for (int i = 0; i < count; ++i) {
      if (IsDeath(events[i])) died = true;
    }
    return died;
  }

  void Wake() override { kqueue_.Wake(); }

  // macOS has none. JavaScript keeps a death signal for workers without grace, and the thread of
  // the watch ends such a worker at once.
  void ClearDeathSignal(bool) override {}

 private:
  // False for a channel that has ended already.
  bool ArmChannel(int control_fd, bool alone) {
    // Beside the process the watch only borrows the channel: closing a descriptor takes its events
    // out of the queue, kqueue(2). So when JavaScript closes it, the master sees end-of-file as it
    // should, and the watch on the process goes on. Alone, the channel is the only sign of life, so
    // a duplicate keeps it open.
    if (alone) channel_ = Duplicate(control_fd);
    const int fd = alone ? channel_.Get() : control_fd;
    // A low-water mark that no message reaches: the thread sleeps while the master writes. The
    // kernel reports the end in any case (bsd/kern/uipc_socket.c, filt_soread_common), and with
    // EV_CLEAR it does not report a full buffer over and over.
    const int error =
        kqueue_.Change(MakeChange(static_cast<std::uintptr_t>(fd), EVFILT_READ, EV_ADD | EV_CLEAR,
                                  NOTE_LOWAT, std::numeric_limits<int>::max(), kChannelId));
    if (error != 0) throw SysError(error, "kevent");
    // This checks the channel after EVFILT_PROC, so that a process which got a recycled pid before
    // that cannot pass for the master:
    //   master dies, channel ends | pid recycled | EVFILT_PROC of a stranger | this: ended, dead
    return !Wait(0);
  }

  Kqueue kqueue_;
  UniqueFd channel_;  // own duplicate; only where the process cannot be watched
};

}  // namespace

std::unique_ptr<SignsOfLife> MakeSignsOfLife() { return std::make_unique<DarwinSigns>(); }

}  // namespace prefork
