// A kernel queue that a thread sleeps in, and that others wake it from, kqueue(2).
#pragma once

#include <sys/event.h>

#include <cstdint>

#include "native/posix/unique_fd.h"

namespace prefork {

class Kqueue {
 public:
  // Throws SysError.
  Kqueue();
  // Applies one change. 0, or the errno of kevent(2): ESRCH for a process that has ended.
  int Change(const struct kevent& change);
  // Any thread.
  void Wake();
  // Fills in the events, at most `capacity`, and returns their number; 0 after `timeout` ms (-1:
  // never) and after a wake-up alone. Wake-ups are not among the events.
  int Wait(struct kevent* events, int capacity, int timeout);

 private:
  UniqueFd queue_;
};

// An event of `filter` on `ident`; `id` comes back in its `udata`.
struct kevent MakeChange(std::uintptr_t ident, std::int16_t filter, std::uint16_t flags,
                         std::uint32_t filter_flags, std::intptr_t data, std::uint64_t id);
std::uint64_t IdOf(const struct kevent& event);

}  // namespace prefork
