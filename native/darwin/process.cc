#include "native/posix/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "native/core/sys_error.h"

namespace prefork {

bool Process::Ended() const {
  siginfo_t info = {};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
    return errno == ECHILD;
  // XNU leaves `info` alone when the child has not ended, and does not always fill in si_pid when
  // it has (bsd/kern/kern_exit.c, waitidcontinue).
  return info.si_signo == SIGCHLD;
}

bool Process::Kill(int signal) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // kill(2) succeeds for a zombie, but the caller wants to know that the process has ended.
  if (reaped_ || Ended()) return false;
  if (kill(pid_, signal) == 0) return true;
  if (errno == ESRCH) return false;
  throw SysError(errno, "kill");
}

// waitpid(2), because waitid(2) of XNU does not report which signal ended a child: its si_status is
// always WEXITSTATUS of the status.
std::optional<ProcessExit> Process::Reap() {
  const std::lock_guard<std::mutex> lock(mutex_);
  int status = 0;
  pid_t found;
  do {
    found = waitpid(pid_, &status, WNOHANG);
  } while (found < 0 && errno == EINTR);
  if (found == 0) return std::nullopt;
  reaped_ = true;
  if (found < 0) return ProcessExit{};
  if (WIFEXITED(status)) return ProcessExit{WEXITSTATUS(status), std::nullopt};
  return ProcessExit{std::nullopt, WTERMSIG(status)};
}

}  // namespace prefork
