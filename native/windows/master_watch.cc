// The sign of life is a handle on the master: it is signalled when the process ends, however it
// ends, and holds the pid so that nobody else gets it meanwhile. The control channel is not watched
// here: a pipe of Windows can only be watched by reading it.
#include "native/core/master_watch.h"

#include <errno.h>

#include <mutex>
#include <string>

#include "native/core/master_deadlines.h"
#include "native/core/sleeper.h"
#include "native/core/thread.h"
#include "native/windows/process_handle.h"
#include "native/windows/windows_error.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;

DWORD WINAPI Write(void* text) {
  const auto& words = *static_cast<const std::string*>(text);
  DWORD written;
  // Nobody is left to tell about a failure.
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), words.data(), static_cast<DWORD>(words.size()),
            &written, nullptr);
  return 0;
}

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
    // Another process has got the number of one that is gone. Which of two processes is older would
    // not tell: these are times of a clock that may be set back.
    const std::uint64_t started = master.started == 0 ? 0 : CreationTime(process.Get());
    return started == master.started || started == 0 ? std::move(process) : UniqueHandle();
  } catch (SysError& error) {
    if (error.error == ESRCH) return UniqueHandle();
    // Denied: somebody is there, whom this user may not look at.
    throw error.Advise("the worker must be allowed to look at its master, process " +
                       std::to_string(master.pid));
  }
}

}  // namespace

int OwnPid() { return static_cast<int>(GetCurrentProcessId()); }

void EndProcess(int code) {
  TerminateProcess(GetCurrentProcess(), static_cast<unsigned int>(code));
  // It does not return for one's own process; the compiler does not know.
  for (;;) Sleep(INFINITE);
}

// Windows cannot be asked whether a write would wait: for a full pipe, or for the main thread that
// waits for one. So the words have a thread of their own, and are never freed: it may still read
// them when the process ends.
void SayLastWords(const char* text, std::size_t size) {
  constexpr DWORD kPatience = 1000;
  auto* words = new std::string(text, size);
  const UniqueHandle thread(CreateThread(nullptr, 0, Write, words, 0, nullptr));
  if (thread) WaitForSingleObject(thread.Get(), kPatience);
}

struct MasterWatch::State {
  State(const MasterProcess& process, Sink on_death)
      : master(OpenMaster(process)),
        wake(MakeEvent()),
        deadlines(process.pid, std::move(on_death)) {
    if (!master) deadlines.NoteDeath();
  }

  const UniqueHandle master;
  const UniqueHandle wake;

  std::mutex mutex;  // guards what follows; held while the sink runs, so that Stop() excludes it
  MasterDeadlines deadlines;
  bool stopped = false;

  void Wake() { SetEvent(wake.Get()); }

  void Run() {
    for (;;) {
      int timeout;
      bool alive;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        if (stopped) return;
        timeout = deadlines.Step();
        alive = !deadlines.Dead();
      }
      const HANDLE handles[] = {wake.Get(), master.Get()};
      const DWORD woken = WaitForMultipleObjects(
          alive ? 2 : 1, handles, FALSE, timeout < 0 ? INFINITE : static_cast<DWORD>(timeout));
      if (woken != WAIT_OBJECT_0 + 1) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      deadlines.NoteDeath();
    }
  }
};

MasterWatch::MasterWatch(const MasterProcess& master, Sink on_death)
    : state_(std::make_shared<State>(master, std::move(on_death))) {
  thread_ = StartThread("prefork-parent", [state = state_] { state->Run(); });
}

MasterWatch::~MasterWatch() { Stop(); }

// The worker cannot clear its death signal here, which is the job that the master holds.
void MasterWatch::Configure(std::optional<milliseconds> grace, bool) {
  if (!state_) return;
  ChangeAndWake(*state_, [&](State& state) { state.deadlines.SetGrace(grace); });
}

void MasterWatch::ExitAfter(milliseconds delay, int code) {
  if (!state_) return;
  ChangeAndWake(*state_, [&](State& state) { state.deadlines.ExitAfter(delay, code); });
}

void MasterWatch::Stop() { StopSleeper(&state_, &thread_); }

}  // namespace prefork
