// Wakes a thread that sleeps in epoll_wait(2).
#pragma once

#include <cstdint>

#include "native/posix/unique_fd.h"

namespace prefork {

// epoll event data of the wake-up; every other registration uses another number.
constexpr std::uint64_t kWakeId = 0;

class WakeableEpoll {
 public:
  // Throws SysError.
  WakeableEpoll();
  // Throws SysError.
  void Add(int fd, std::uint32_t events, std::uint64_t id);
  // False with errno where epoll_ctl(2) fails.
  bool Modify(int fd, std::uint32_t events, std::uint64_t id);
  bool Remove(int fd);
  void Wake();
  // Fills in the ids of ready descriptors, at most `capacity`, and returns their number; 0 after
  // `timeout` ms (-1: never). It consumes wake-ups and reports them as kWakeId.
  int Wait(std::uint64_t* ids, int capacity, int timeout);

 private:
  UniqueFd epoll_;
  UniqueFd wake_;
};

}  // namespace prefork
