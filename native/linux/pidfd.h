// pidfd_open(2) and pidfd_send_signal(2): glibc has wrappers only since 2.36.
#pragma once

#include <sys/types.h>

namespace prefork {

// A close-on-exec pidfd, or -1 with errno: ENOSYS before Linux 5.3, EPERM or EACCES under seccomp,
// ESRCH when no process has the pid.
int OpenPidfd(pid_t pid);
// 0, or -1 with errno.
int SignalPidfd(int pidfd, int signal);
// The process of this pidfd has ended.
bool PidfdEnded(int pidfd);

}  // namespace prefork
