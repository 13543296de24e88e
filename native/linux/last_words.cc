#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "native/core/master_deadlines.h"

namespace prefork {

// poll(2) skips a stderr that takes nothing. When another writer fills the pipe in between, a timer
// of the kernel ends the process.
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
  // The process ends next, so a failure has no reader.
  const ssize_t ignored = write(STDERR_FILENO, text, size);
  static_cast<void>(ignored);
}

}  // namespace prefork
