#include "native/linux/wakeable_epoll.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

epoll_event Event(std::uint32_t events, std::uint64_t id) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = id;
  return event;
}

}  // namespace

WakeableEpoll::WakeableEpoll() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw SysError(errno, "epoll_create1");
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) throw SysError(errno, "eventfd");
  Add(wake_.Get(), EPOLLIN, kWakeId);
}

void WakeableEpoll::Add(int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event = Event(events, id);
  if (epoll_ctl(epoll_.Get(), EPOLL_CTL_ADD, fd, &event) != 0) throw SysError(errno, "epoll_ctl");
}

bool WakeableEpoll::Modify(int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event = Event(events, id);
  return epoll_ctl(epoll_.Get(), EPOLL_CTL_MOD, fd, &event) == 0;
}

bool WakeableEpoll::Remove(int fd) {
  return epoll_ctl(epoll_.Get(), EPOLL_CTL_DEL, fd, nullptr) == 0;
}

void WakeableEpoll::Wake() {
  // EAGAIN means that the counter is full: a wake-up is pending anyway, eventfd(2).
  const std::uint64_t one = 1;
  ssize_t written;
  do {
    written = write(wake_.Get(), &one, sizeof one);
  } while (written < 0 && errno == EINTR);
}

int WakeableEpoll::Wait(std::uint64_t* ids, int capacity, int timeout) {
  constexpr int kBatch = 64;
  epoll_event events[kBatch];
  const int count =
      epoll_wait(epoll_.Get(), events, capacity < kBatch ? capacity : kBatch, timeout);
  // EINTR: a debugger or SIGSTOP; the caller comes back with the rest of its timeout.
  if (count < 0) return 0;
  for (int i = 0; i < count; ++i) {
    ids[i] = events[i].data.u64;
    if (ids[i] != kWakeId) continue;
    std::uint64_t drained;
    while (read(wake_.Get(), &drained, sizeof drained) < 0 && errno == EINTR) {
    }
  }
  return count;
}

}  // namespace prefork
