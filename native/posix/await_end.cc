#include <errno.h>
#include <sys/wait.h>

#include "native/posix/process.h"

namespace prefork {

bool Process::AwaitEnd() const {
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

}  // namespace prefork
