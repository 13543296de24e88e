// The sign of life is a handle on the master. The kernel signals it when the process ends, however
// it ends, and gives the pid to no other process while it is open. This does not watch the control
// channel: a pipe of Windows can only be watched by reading it.
#include "native/core/signs_of_life.h"

#include <errno.h>

#include <string>

#include "native/windows/process_handle.h"
#include "native/windows/windows_error.h"

namespace prefork {
namespace {

UniqueHandle MakeEvent() {
  constexpr BOOL kResetsItself = FALSE;
  UniqueHandle event(CreateEventW(nullptr, kResetsItself, FALSE, nullptr));
  if (!event) throw WindowsError(GetLastError(), "CreateEventW");
  return event;
}

// Empty for a master that is gone.
UniqueHandle OpenMaster(const MasterProcess& master) {
  try {
    UniqueHandle process =
        OpenRunning(static_cast<unsigned long>(master.pid), PROCESS_QUERY_LIMITED_INFORMATION);
    // With another start it is a process that got the pid of a master that is gone. Comparing which
    // of two processes is older would prove nothing: a clock that may be set back gave these times.
    const std::uint64_t started = master.started == 0 ? 0 : CreationTime(process.Get());
    return started == master.started || started == 0 ? std::move(process) : UniqueHandle();
  } catch (SysError& error) {
    if (error.error == ESRCH) return UniqueHandle();
    // Denied: a process has this pid, but this user may not open it.
    throw error.Advise("the worker must be allowed to look at its master, process " +
                       std::to_string(master.pid));
  }
}

class WindowsSigns : public SignsOfLife {
 public:
  bool Arm(const MasterProcess& master) override {
    master_ = OpenMaster(master);
    alive_ = static_cast<bool>(master_);
    return alive_;
  }

  bool Wait(int timeout) override {
    const HANDLE handles[] = {wake_.Get(), master_.Get()};
    // The handle of a master that has ended stays signalled.
    const DWORD woken = WaitForMultipleObjects(
        alive_ ? 2 : 1, handles, FALSE, timeout < 0 ? INFINITE : static_cast<DWORD>(timeout));
    if (woken != WAIT_OBJECT_0 + 1) return false;
    alive_ = false;
    return true;
  }

  void Wake() override { SetEvent(wake_.Get()); }

  // The worker cannot clear its death signal here, which is the job that the master holds.
  void ClearDeathSignal(bool) override {}

 private:
  const UniqueHandle wake_ = MakeEvent();
  UniqueHandle master_;
  // For the thread of the watch, from Arm() on.
  bool alive_ = false;
};

}  // namespace

std::unique_ptr<SignsOfLife> MakeSignsOfLife() { return std::make_unique<WindowsSigns>(); }

}  // namespace prefork
