// Why this process is in the job itself: libuv starts a detached process suspended, and resumes it
// after that (src/win/process.c, uv_spawn). A master that is killed in between would leave a
// process that never runs, and so never finds out that it is an orphan. Only the job that a process
// is born into covers that instant, and that is the job of its parent.
#include "native/windows/spawn_job.h"

#include <errno.h>

#include <utility>

#include "native/windows/job.h"
#include "native/windows/process_handle.h"
#include "native/windows/windows_error.h"

namespace prefork {
namespace {

// Members stay in the job, so its limits decide what becomes of them.
constexpr unsigned long kHolds = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
// A process that starts now is no member, also one that asks to break away, which a job without
// this limit would refuse.
constexpr unsigned long kLetsGo =
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK | JOB_OBJECT_LIMIT_BREAKAWAY_OK;

// The job that this process is in lets children out, as that of libuv does (uv_spawn). A process
// that is held in a job below it would not get out: for its whole life it would end with the
// holders of that job.
bool ChildrenGetOut() {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION information = {};
  // Without a handle: the job of this process, the innermost one. Fails outside of any.
  return QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &information,
                                   sizeof information, nullptr) != 0 &&
         (information.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK) != 0;
}

UniqueHandle JobOfOurs() {
  if (ChildrenGetOut()) return UniqueHandle();
  UniqueHandle job(CreateJobObjectW(nullptr, nullptr));
  if (!job) return job;
  try {
    LimitJob(job.Get(), kLetsGo);
  } catch (const SysError&) {
    return UniqueHandle();
  }
  // Refused below a job with limits for user interfaces, MSDN "Nested Jobs".
  return AssignProcessToJobObject(job.Get(), GetCurrentProcess()) != 0 ? std::move(job)
                                                                       : UniqueHandle();
}

}  // namespace

bool SpawnJob::Hold(bool hold) {
  if (!tried_) job_ = JobOfOurs();
  tried_ = true;
  if (!job_) return false;
  try {
    LimitJob(job_.Get(), hold ? kHolds : kLetsGo);
    return true;
  } catch (const SysError&) {
    return false;
  }
}

void SpawnJob::ShareWith(unsigned long pid) {
  if (!job_) return;
  const UniqueHandle process = OpenRunning(pid, PROCESS_DUP_HANDLE);
  // The copy only has to exist, so it allows nothing but a query. Its owner never learns of it, so
  // it ends with that process.
  constexpr BOOL kInherited = FALSE;
  HANDLE copy;
  if (DuplicateHandle(GetCurrentProcess(), job_.Get(), process.Get(), &copy, JOB_OBJECT_QUERY,
                      kInherited, 0) != 0) {
    return;
  }
  const unsigned long error = GetLastError();
  if (HasEnded(process.Get())) throw SysError(ESRCH, "DuplicateHandle");
  throw WindowsError(error, "DuplicateHandle");
}

}  // namespace prefork
