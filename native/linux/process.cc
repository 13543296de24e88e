#include "native/posix/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "native/core/sys_error.h"
#include "native/linux/pidfd.h"

namespace prefork {

bool Process::Ended() const {
  if (pidfd_) return PidfdEnded(pidfd_.Get());
  siginfo_t info = {};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
    return errno == ECHILD;
  return info.si_pid == pid_;
}

bool Process::Kill(int signal) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // kill(2) succeeds for a zombie, but the caller wants to know that the process has ended.
  if (reaped_ || Ended()) return false;
  if (pidfd_ && SignalPidfd(pidfd_.Get(), signal) == 0) return true;
  // EPERM may mean seccomp instead of a missing permission. kill(2) by pid, which is safe under
  // this lock, shows which.
  if (pidfd_ && errno != ENOSYS && errno != EPERM && errno != EACCES) {
    if (errno == ESRCH) return false;
    throw SysError(errno, "pidfd_send_signal");
  }
  if (kill(pid_, signal) == 0) return true;
  if (errno == ESRCH) return false;
  throw SysError(errno, "kill");
}

std::optional<ProcessExit> Process::Reap() {
  const std::lock_guard<std::mutex> lock(mutex_);
  siginfo_t info = {};
  int status;
  do {
    status = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
  } while (status != 0 && errno == EINTR);
  if (status == 0 && info.si_pid != pid_) return std::nullopt;
  reaped_ = true;
  pidfd_.Reset();
  if (status != 0) return ProcessExit{};
  if (info.si_code == CLD_EXITED) return ProcessExit{info.si_status, std::nullopt};
  // CLD_KILLED and CLD_DUMPED: a core dump counts as its signal.
  return ProcessExit{std::nullopt, info.si_status};
}

}  // namespace prefork
