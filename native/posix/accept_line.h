// One listener in the set of descriptors that libuv polls: taken out of it, and put back, without
// closing it. Whoever is out does not accept, and the kernel's queue goes on filling.
//
// Workers whose entries are exclusive (EPOLLEXCLUSIVE, epoll_ctl(2)) stand in line: the kernel
// wakes the first of them that sleeps, and only that one. Taking an entry out and putting it back
// moves its worker to the end.
#pragma once

#include <sys/types.h>

#include <string>

#include "native/posix/unique_fd.h"

namespace prefork {

// libuv adds a listener in the first poll after listen(2), and aborts when its own entry is not
// what it expects. So an entry is put back only after it was seen there as libuv made it, and was
// taken out here. close(2) by libuv takes it out, too, and ignores that it is not there.
class AcceptLine {
 public:
  // `poll_fd`: uv_backend_fd() of the loop. `exclusive`: where WhyNoExclusiveAccept() is empty.
  AcceptLine(int poll_fd, int listener, bool exclusive);

  // Whether the listener is out now. False: libuv has not added it yet, or it is closed.
  bool Leave();
  int listener() const { return listener_; }
  bool exclusive() const { return exclusive_; }
  // Whether the listener is in, or is none any more. False: the kernel is short of memory.
  bool Enter();
  // To the end of the line. The kernel looks at the queue afresh, as for a new entry. True unless
  // that failed for want of memory: the listener is out then.
  bool Turn();
  // Whether it has an ordinary entry, as libuv made it, and is to have an exclusive one.
  bool Waits() const { return exclusive_ && !stands_ && !out_; }

 private:
  // Not when it was closed: the number may be another file's by now.
  bool IsSame() const;

  int poll_fd_;
  int listener_;
  bool exclusive_;
  bool out_ = false;
  bool stands_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// What is in the set. Opened while there are descriptors, for a look when there may be none.
class PollSet {
 public:
  explicit PollSet(int poll_fd);
  // Whether libuv has added the listener, in the way that AcceptLine::Enter() repeats. What libuv
  // does to one listener it does to all: once it is true of one, nothing needs to be looked up any
  // more.
  bool Has(int listener) const;

 private:
  UniqueFd list_;
};

// Why no listener can be taken out here; empty when it can.
std::string WhyNoAcceptLine();
// Why workers cannot stand in line; empty when they can.
std::string WhyNoExclusiveAccept();

}  // namespace prefork
