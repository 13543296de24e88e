#include "native/linux/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace prefork {
namespace {

// One number on every architecture; older kernel headers lack the names.
constexpr long kPidfdSendSignal = 424;
constexpr long kPidfdOpen = 434;

}  // namespace

int OpenPidfd(pid_t pid) { return static_cast<int>(syscall(kPidfdOpen, pid, 0U)); }

int SignalPidfd(int pidfd, int signal) {
  return static_cast<int>(syscall(kPidfdSendSignal, pidfd, signal, nullptr, 0U));
}

bool PidfdEnded(int pidfd) {
  pollfd item = {pidfd, POLLIN, 0};
  int ready;
  do {
    ready = poll(&item, 1, 0);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 && (item.revents & POLLIN) != 0;
}

}  // namespace prefork
