// A job object for processes that are too young to have one of their own.
#pragma once

#include "native/windows/unique_handle.h"

namespace prefork {

// This process is in the job for good. Whatever it starts while Hold(true) is in force is born in
// it, and nothing else that is detached. Should the process end in that time, however it ends, the
// kernel ends those that were born in it as soon as nobody holds the job any more: at once, or with
// the last process that ShareWith() was called for.
class Nursery {
 public:
  Nursery() = default;
  Nursery(const Nursery&) = delete;
  Nursery& operator=(const Nursery&) = delete;
  // Closing the job would end this process, which is a member. The kernel does it afterwards.
  ~Nursery() { static_cast<void>(job_.Release()); }

  // False where nothing can be held: in a job that lets children out, or allows no other below it.
  // It is a net below the job that each worker gets, so whatever is wrong with it is no error.
  bool Hold(bool hold);
  // Throws SysError, ESRCH for a process that is gone. Does nothing before the first Hold().
  void ShareWith(unsigned long pid);

 private:
  UniqueHandle job_;
  bool tried_ = false;
};

}  // namespace prefork
