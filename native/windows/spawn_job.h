// A job object for processes that are too young to have one of their own. The master holds one.
#pragma once

#include "native/windows/unique_handle.h"

namespace prefork {

// This process joins the job for life. A detached process that it starts while Hold(true) is in
// force becomes a member, and no other one does. If this process ends in that time, however it
// ends, the kernel ends these members with the last handle on the job: at once, or with the last
// process that ShareWith() gave one to.
class SpawnJob {
 public:
  SpawnJob() = default;
  SpawnJob(const SpawnJob&) = delete;
  SpawnJob& operator=(const SpawnJob&) = delete;
  // Closing the job would end this process, which is a member. The kernel closes it after the end.
  ~SpawnJob() { static_cast<void>(job_.Release()); }

  // False where this cannot hold a process: in a job that lets children out, or allows no other
  // below it. It is a net below the job that each worker gets, so a failure is no error.
  bool Hold(bool hold);
  // Throws SysError, ESRCH for a process that is gone. Does nothing before the first Hold().
  void ShareWith(unsigned long pid);

 private:
  UniqueHandle job_;
  bool tried_ = false;
};

}  // namespace prefork
