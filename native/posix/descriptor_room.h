// How many descriptors are left to this process under its limit, getrlimit(2) RLIMIT_NOFILE.
#pragma once

#include <chrono>
#include <optional>

namespace prefork {

struct DescriptorUse {
  long open;
  long limit;
};

class DescriptorRoom {
 public:
  // Whether few are left: fewer than an eighth of the limit and than 128. The caller asks before
  // every poll. It costs a system call at most, and none while even a process that does nothing but
  // open descriptors could not have used them up.
  bool Short();
  DescriptorUse Use() const;

 private:
  using Clock = std::chrono::steady_clock;

  void ReadLimit();
  bool HasFree(long wanted) const;

  long limit_ = 0;
  long margin_ = 0;
  bool short_ = false;
  unsigned asked_ = 0;
  Clock::time_point next_ = {};
};

// How many descriptors are open; nothing where the system cannot say without opening one.
std::optional<long> CountDescriptors();

}  // namespace prefork
