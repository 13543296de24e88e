#include <errno.h>
#include <sys/event.h>
#include <sys/time.h>

#include "native/darwin/kqueue.h"
#include "native/posix/accept_line.h"
#include "native/posix/loop_hook.h"

namespace prefork {
namespace {

// 0, or the errno of kevent(2).
int Change(int poll_fd, int listener, std::uint16_t flags) {
  const struct kevent change = MakeChange(listener, EVFILT_READ, flags, 0, 0, 0);
  return kevent(poll_fd, &change, 1, nullptr, 0, nullptr) == 0 ? 0 : errno;
}

}  // namespace

// Only libuv adds listeners, and kevent(2) refuses to delete one that is not there.
PollSet::PollSet(int) {}
bool PollSet::Has(int) const { return true; }

bool AcceptLine::Leave() {
  if (out_) return true;
  // ENOENT: libuv has not added it yet.
  out_ = IsSame() && Change(poll_fd_, listener_, EV_DELETE) == 0;
  return out_;
}

// libuv identifies an event by its descriptor alone, and adds it with EV_ADD and no other flag.
bool AcceptLine::Enter() {
  if (!out_) return true;
  if (IsSame() && Change(poll_fd_, listener_, EV_ADD) == ENOMEM) return false;
  out_ = false;
  return true;
}

std::string WhyNoAcceptLine() { return LoopHook::Missing(); }
std::string WhyNoExclusiveAccept() {
  return "kqueue(2) wakes every process that waits for a listener: only Linux has EPOLLEXCLUSIVE";
}

}  // namespace prefork
