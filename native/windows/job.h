// A job object of the kernel: a group of processes that ends as one.
#pragma once

#include "native/windows/unique_handle.h"

namespace prefork {

// JOB_OBJECT_LIMIT_*; those that are not named are lifted. Throws SysError.
void LimitJob(HANDLE job, unsigned long limits);

// Holds one process and what it starts from now on. Until Release() the kernel ends all of them
// with the last handle on the job. This is the only handle, so they end with this process, however
// it ends.
class Job {
 public:
  // Throws SysError, ESRCH for a process that is gone.
  explicit Job(unsigned long pid);

  // Ends all of them; false when none is left. Throws SysError.
  bool Terminate(unsigned int code);
  // The processes may outlive the handle from here on. Throws SysError.
  void Release();
  // Idempotent; the other calls do nothing from then on.
  void Close() { job_.Reset(); }

 private:
  UniqueHandle job_;
};

}  // namespace prefork
