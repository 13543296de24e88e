// A handler for SIGTTOU turns the write(2) of a background job into a loop without end:
//   write → the kernel signals the process group, -ERESTARTSYS | handler returns | write again
// and the process never gets back to its event loop, which could remove the handler. So the signal
// handler itself decides, with async-signal-safe calls only.
#include "native/linux/job_control.h"

#include <errno.h>
#include <signal.h>

#include <atomic>
#include <csignal>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

struct sigaction* HandlerBefore(int signal) {
  static struct sigaction handlers[2];
  return &handlers[signal == SIGTTIN ? 0 : 1];
}

// Two processes of a background job may write at once, and the kernel then lets another thread
// handle the second signal. Two threads that exchange the handler at once would leave the process
// without it.
std::atomic_flag* Stopping(int signal) {
  static std::atomic_flag stopping[2] = {ATOMIC_FLAG_INIT, ATOMIC_FLAG_INIT};
  return &stopping[signal == SIGTTIN ? 0 : 1];
}

void StopAsWithoutHandler(int signal) {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  struct sigaction ours;
  sigset_t one;
  sigset_t before;
  sigemptyset(&one);
  sigaddset(&one, signal);
  if (sigaction(signal, &standard, &ours) != 0) return;
  // The kernel blocks a signal while its handler runs. The process stops where this unblocks it,
  // and goes on there after SIGCONT.
  raise(signal);
  pthread_sigmask(SIG_UNBLOCK, &one, &before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  sigaction(signal, &ours, nullptr);
}

void OnSignal(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const struct sigaction& next = *HandlerBefore(signal);
  // sigaction(2): a signal that a process sent has SI_USER, SI_QUEUE or SI_TKILL.
  if (info->si_code == SI_KERNEL) {
    std::atomic_flag* stopping = Stopping(signal);
    if (!stopping->test_and_set()) {
      StopAsWithoutHandler(signal);
      stopping->clear();
    }
  } else if ((next.sa_flags & SA_SIGINFO) != 0) {
    next.sa_sigaction(signal, info, context);
  } else {
    next.sa_handler(signal);
  }
  errno = saved;
}

}  // namespace

void LeaveToJobControl(int signal) {
  struct sigaction now;
  if (sigaction(signal, nullptr, &now) != 0) throw SysError(errno, "sigaction");
  const bool ours = (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == OnSignal;
  const bool handled =
      (now.sa_flags & SA_SIGINFO) != 0 || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
  if (ours || !handled) return;
  *HandlerBefore(signal) = now;
  struct sigaction wrapped = now;
  wrapped.sa_flags |= SA_SIGINFO;
  wrapped.sa_sigaction = OnSignal;
  if (sigaction(signal, &wrapped, nullptr) != 0) throw SysError(errno, "sigaction");
}

}  // namespace prefork
