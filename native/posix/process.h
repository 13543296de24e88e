// One child: signal it, reap it. Its pid is never confused with a recycled one.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <optional>

#include "native/posix/unique_fd.h"

namespace prefork {

struct ProcessExit {
  std::optional<int> code;
  std::optional<int> signal;  // both empty: other code reaped the child, waitpid(2) ECHILD
};

class Process {
 public:
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid() const { return pid_; }
  bool HasPidfd() const { return has_pidfd_; }
  // For registration by the watch, before the child can be reaped.
  int pidfd() const { return pidfd_.Get(); }

  // False when the child has ended. Throws SysError("kill"). Any thread.
  bool Kill(int signal);
  // Blocks until the child has ended, and leaves it unreaped. False when this process may not wait
  // for it.
  bool AwaitEnd() const;
  // Reaps the child if it has ended. Closes the pidfd then.
  std::optional<ProcessExit> Reap();

 private:
  bool Ended() const;

  const pid_t pid_;
  UniqueFd pidfd_;
  const bool has_pidfd_ = static_cast<bool>(pidfd_);
  // Excludes the reap while a signal is on its way by pid:
  //   kill: "not reaped" | watch: reap | kernel: pid recycled | kill(pid) hits a stranger
  std::mutex mutex_;
  bool reaped_ = false;
};

}  // namespace prefork
