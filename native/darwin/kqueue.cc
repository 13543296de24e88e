#include "native/darwin/kqueue.h"

#include <errno.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

// The only EVFILT_USER of the queue.
constexpr std::uintptr_t kWake = 0;

}  // namespace

// No other process can get a kqueue: fork(2) leaves it out, kqueue(2). Close-on-exec is for those
// that exec without forking.
Kqueue::Kqueue() : queue_(kqueue()) {
  if (!queue_) throw SysError(errno, "kqueue");
  SetCloseOnExec(queue_.Get());
  const int error = Change(MakeChange(kWake, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, 0));
  if (error != 0) throw SysError(error, "kevent");
}

int Kqueue::Change(const struct kevent& change) {
  // Without room for events a failed change is the failure of the call; after EINTR it has been
  // applied, kevent(2).
  const int status = kevent(queue_.Get(), &change, 1, nullptr, 0, nullptr);
  return status == 0 || errno == EINTR ? 0 : errno;
}

void Kqueue::Wake() {
  // Cannot fail for an event that exists. Wake-ups that come before the thread looks are one.
  Change(MakeChange(kWake, EVFILT_USER, 0, NOTE_TRIGGER, 0, 0));
}

int Kqueue::Wait(struct kevent* events, int capacity, int timeout) {
  timespec limit = {};
  limit.tv_sec = timeout / 1000;
  limit.tv_nsec = static_cast<long>(timeout % 1000) * 1000 * 1000;
  const int count =
      kevent(queue_.Get(), nullptr, 0, events, capacity, timeout < 0 ? nullptr : &limit);
  // EINTR: a debugger or SIGSTOP; the caller comes back with the rest of its timeout.
  if (count < 0) return 0;
  struct kevent* const end = std::remove_if(events, events + count, [](const struct kevent& event) {
    return event.filter == EVFILT_USER;
  });
  return static_cast<int>(end - events);
}

struct kevent MakeChange(std::uintptr_t ident, std::int16_t filter, std::uint16_t flags,
                         std::uint32_t filter_flags, std::intptr_t data, std::uint64_t id) {
  struct kevent change = {};
  change.ident = ident;
  change.filter = filter;
  change.flags = flags;
  change.fflags = filter_flags;
  change.data = data;
  change.udata = reinterpret_cast<void*>(static_cast<std::uintptr_t>(id));
  return change;
}

std::uint64_t IdOf(const struct kevent& event) {
  return reinterpret_cast<std::uintptr_t>(event.udata);
}

}  // namespace prefork
