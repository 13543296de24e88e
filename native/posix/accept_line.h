// One listener in the set of descriptors that libuv polls: this takes it out, and puts it back,
// without closing it. While a listener is out its worker does not accept from it, and the kernel's
// queue goes on filling.
//
// Workers whose entries are exclusive (EPOLLEXCLUSIVE, epoll_ctl(2)) stand in line: the kernel
// wakes the first of them that sleeps, and only that one. Taking an entry out and putting it back
// moves its worker to the end.
#pragma once

#include <sys/types.h>

#include <string>

#include "native/posix/unique_fd.h"

namespace prefork {

// libuv adds a listener in the first poll after listen(2), and aborts when its entry is not as it
// made it. So this puts an entry back only after it saw that entry as libuv made it, and took it
// out itself. When libuv closes a listener it takes the entry out, too, and ignores that there is
// none.
class AcceptLine {
 public:
  // `poll_fd`: uv_backend_fd() of the loop. `exclusive`: where WhyNoExclusiveAccept() is empty.
  AcceptLine(int poll_fd, int listener, bool exclusive);

  // Takes the listener out. Whether it is out now; false: libuv has not added it yet, or it is
  // closed.
  bool Leave();
  int listener() const { return listener_; }
  bool exclusive() const { return exclusive_; }
  // Puts the listener back, unless it is closed by now. False: the kernel is short of memory.
  bool Enter();
  // Moves the worker to the end of the line. The kernel looks at the queue afresh, as for a new
  // entry. False when the kernel is short of memory: the listener is out then.
  bool Turn();
  // Whether it has an ordinary entry, as libuv made it, and is to have an exclusive one.
  bool Waits() const { return exclusive_ && !stands_ && !out_; }

 private:
  // False when the listener was closed: the number may be another file's by now.
  bool IsSame() const;

  int poll_fd_;
  int listener_;
  bool exclusive_;
  bool out_ = false;
  bool stands_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Shows which descriptors are in the set. It opens its file while descriptors are left, so that it
// can look when there may be none.
class PollSet {
 public:
  explicit PollSet(int poll_fd);
  // Whether libuv has added the listener, in the way that AcceptLine::Enter() repeats. What libuv
  // does to one listener it does to all: once this was true of one, the caller need not look any
  // more.
  bool Has(int listener) const;

 private:
  UniqueFd list_;
};

// Why this system cannot take a listener out; empty when it can.
std::string WhyNoAcceptLine();
// Why workers cannot stand in line; empty when they can.
std::string WhyNoExclusiveAccept();

}  // namespace prefork
