// Why a job that this process is in: libuv starts a detached process suspended and resumes it after
// that (src/win/process.c, uv_spawn). A master that is killed in between would leave a process that
// never runs, and so never finds out that it is an orphan. Only what a process is born into covers
// that instant, and what it is born into is the job of its parent.
#include "nursery_win.h"

#include <errno.h>

#include "job_win.h"
#include "process_win.h"
#include "sys_error_win.h"

namespace prefork {
namespace {

// Members of the job stay in it, so its limits say what becomes of them.
constexpr unsigned long kHolds = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
// What is started now is nobody's member; also on request, which a job without this would refuse.
constexpr unsigned long kLetsGo =
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK | JOB_OBJECT_LIMIT_BREAKAWAY_OK;

}  // namespace

bool Nursery::Hold(bool hold) {
  if (refused_) return false;
  if (job_) {
    LimitJob(job_.Get(), hold ? kHolds : kLetsGo);
    return true;
  }
  if (!hold) return true;
  job_.Reset(CreateJobObjectW(nullptr, nullptr));
  if (!job_) throw WindowsError(GetLastError(), "CreateJobObjectW");
  LimitJob(job_.Get(), kHolds);
  if (AssignProcessToJobObject(job_.Get(), GetCurrentProcess()) != 0) return true;
  const unsigned long error = GetLastError();
  job_.Reset();
  if (error != ERROR_ACCESS_DENIED) throw WindowsError(error, "AssignProcessToJobObject");
  // A job with limits for user interfaces can have no other below it, MSDN "Nested Jobs".
  refused_ = true;
  return false;
}

void Nursery::ShareWith(unsigned long pid) {
  if (!job_) return;
  const UniqueHandle process = OpenRunning(pid, PROCESS_DUP_HANDLE);
  // It is to exist, and to be of no use; its owner never learns of it, so it ends with the process.
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
