#include "native/windows/job.h"

#include <errno.h>

#include "native/windows/process_handle.h"
#include "native/windows/windows_error.h"

namespace prefork {

void LimitJob(HANDLE job, unsigned long limits) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION information = {};
  information.BasicLimitInformation.LimitFlags = limits;
  if (SetInformationJobObject(job, JobObjectExtendedLimitInformation, &information,
                              sizeof information) == 0) {
    throw WindowsError(GetLastError(), "SetInformationJobObject");
  }
}

// A process that is in a job already gets into this one, too: jobs nest since Windows 8, MSDN
// "Nested Jobs". Without a breakaway limit nothing that the members start can leave it.
Job::Job(unsigned long pid) : job_(CreateJobObjectW(nullptr, nullptr)) {
  if (!job_) throw WindowsError(GetLastError(), "CreateJobObjectW");
  LimitJob(job_.Get(), JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE);
  const UniqueHandle process = OpenRunning(pid, PROCESS_SET_QUOTA | PROCESS_TERMINATE);
  if (AssignProcessToJobObject(job_.Get(), process.Get()) != 0) return;
  const unsigned long error = GetLastError();
  // The process may have ended since this opened it; Windows reports "access denied" then.
  if (HasEnded(process.Get())) throw SysError(ESRCH, "AssignProcessToJobObject");
  throw WindowsError(error, "AssignProcessToJobObject")
      .Advise(
          "the job that this process is in itself, of a service or a container, allows no other");
}

bool Job::Terminate(unsigned int code) {
  if (!job_) return false;
  JOBOBJECT_BASIC_ACCOUNTING_INFORMATION members = {};
  if (QueryInformationJobObject(job_.Get(), JobObjectBasicAccountingInformation, &members,
                                sizeof members, nullptr) == 0) {
    throw WindowsError(GetLastError(), "QueryInformationJobObject");
  }
  if (TerminateJobObject(job_.Get(), code) == 0)
    throw WindowsError(GetLastError(), "TerminateJobObject");
  return members.ActiveProcesses > 0;
}

void Job::Release() {
  if (job_) LimitJob(job_.Get(), 0);
}

}  // namespace prefork
