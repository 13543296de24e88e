// For a master that is PID 1: orphans of the whole container become its children, and the master
// has to reap them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <unordered_map>
#include <unordered_set>

namespace prefork {

class StrangerReaper {
 public:
  // Reaps zombies, by pid, that are not in `own` and that an earlier call saw at least a second
  // ago: libuv has reaped its own children by then. True while strangers are left.
  bool Reap(const std::unordered_set<pid_t>& own);

 private:
  std::unordered_map<pid_t, std::chrono::steady_clock::time_point> seen_;
};

}  // namespace prefork
