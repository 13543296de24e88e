// The sign of life is a handle on the master: it is signalled when the process ends, however it
// ends, and holds the pid so that nobody else gets it meanwhile. The control channel is not watched
// here: a pipe of Windows can only be watched by reading it.
#include <errno.h>
#include <stdio.h>

#include <algorithm>
#include <mutex>

#include "parent_death.h"
#include "process_win.h"
#include "sys_error_win.h"
#include "thread.h"

namespace prefork {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned int kOrphanExitCode = 1;

// The end without any handler, destructor or flush: nothing of a process whose event loop is
// blocked may be waited for, MSDN TerminateProcess.
[[noreturn]] void End(unsigned int code) {
  TerminateProcess(GetCurrentProcess(), code);
  // It does not return for one's own process; the compiler does not know.
  for (;;) Sleep(INFINITE);
}

DWORD WINAPI WriteWords(void* text) {
  const auto* words = static_cast<const char*>(text);
  DWORD written;
  // Nobody is left to tell about a failure.
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), words, static_cast<DWORD>(lstrlenA(words)), &written,
            nullptr);
  return 0;
}

// stderr may be a full pipe whose reader is stuck, or be locked by a blocked write of the main
// thread: neither may keep an orphan alive. So the words have a thread of their own and a second.
void SayLastWords(char* text) {
  constexpr DWORD kPatience = 1000;
  const UniqueHandle thread(CreateThread(nullptr, 0, WriteWords, text, 0, nullptr));
  if (thread) WaitForSingleObject(thread.Get(), kPatience);
}

[[noreturn]] void EndOrphan(int master, milliseconds grace) {
  char line[160];
  const unsigned long self = GetCurrentProcessId();
  if (grace.count() == 0) {
    snprintf(line, sizeof line, "prefork: worker %lu ends: master %d is gone\n", self, master);
  } else {
    snprintf(line, sizeof line,
             "prefork: worker %lu ends: master %d is gone and %lld ms of grace are over\n", self,
             master, static_cast<long long>(grace.count()));
  }
  SayLastWords(line);
  End(kOrphanExitCode);
}

UniqueHandle MakeEvent() {
  constexpr BOOL kResetsItself = FALSE;
  UniqueHandle event(CreateEventW(nullptr, kResetsItself, FALSE, nullptr));
  if (!event) throw WindowsError(GetLastError(), "CreateEventW");
  return event;
}

// Empty for a master that is gone.
UniqueHandle OpenMaster(int pid) {
  try {
    UniqueHandle process =
        OpenRunning(static_cast<unsigned long>(pid), PROCESS_QUERY_LIMITED_INFORMATION);
    // A master is older than its workers: a younger process has got the number of one that is gone.
    const std::uint64_t created = CreationTime(process.Get());
    return created > CreationTime(GetCurrentProcess()) ? UniqueHandle() : std::move(process);
  } catch (SysError& error) {
    if (error.error == ESRCH) return UniqueHandle();
    // Denied: somebody is there, whom this user may not look at.
    throw error.Advise("the worker must be allowed to look at its master, process " +
                       std::to_string(pid));
  }
}

}  // namespace

struct ParentWatch::State {
  State(int master_pid, Sink sink)
      : pid(master_pid),
        master(OpenMaster(master_pid)),
        wake(MakeEvent()),
        on_death(std::move(sink)) {
    if (!master) died = Clock::now();
  }

  const int pid;
  const UniqueHandle master;
  const UniqueHandle wake;

  std::mutex mutex;  // guards what follows; held while the sink runs, so that Stop() excludes it
  Sink on_death;
  bool stopped = false;
  bool told = false;
  std::optional<Clock::time_point> died;
  std::optional<milliseconds> grace = milliseconds(0);
  std::optional<Clock::time_point> exit_at;
  unsigned int exit_code = 0;

  // Milliseconds to sleep. Does not return when a deadline has passed.
  DWORD Step() {
    std::optional<Clock::time_point> next = exit_at;
    const Clock::time_point now = Clock::now();
    if (died && grace) {
      const Clock::time_point end = *died + *grace;
      if (end <= now) EndOrphan(pid, *grace);
      if (!told) {
        told = true;
        on_death();
      }
      next = next ? std::min(*next, end) : end;
    }
    if (exit_at && *exit_at <= now) End(exit_code);
    if (!next) return INFINITE;
    // Rounded up: a sleep that ends a fraction too early would spin through the rest.
    const auto left = std::chrono::ceil<milliseconds>(*next - now).count();
    constexpr long long kLongestSleep = 24 * 3600 * 1000;
    return static_cast<DWORD>(std::min<long long>(left, kLongestSleep));
  }

  void Run() {
    for (;;) {
      DWORD timeout;
      bool alive;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        if (stopped) return;
        timeout = Step();
        alive = !died;
      }
      const HANDLE handles[] = {wake.Get(), master.Get()};
      const DWORD woken = WaitForMultipleObjects(alive ? 2 : 1, handles, FALSE, timeout);
      if (woken != WAIT_OBJECT_0 + 1) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      died = Clock::now();
    }
  }
};

ParentWatch::ParentWatch(int master, int, Sink on_death)
    : state_(std::make_shared<State>(master, std::move(on_death))) {
  thread_ = StartThread("prefork-parent", [state = state_] { state->Run(); });
}

ParentWatch::~ParentWatch() { Stop(); }

// The worker cannot clear its death signal here, which is the job that the master holds.
void ParentWatch::Configure(std::optional<milliseconds> grace, bool) {
  if (!state_) return;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->grace = grace;
  }
  SetEvent(state_->wake.Get());
}

void ParentWatch::ExitAfter(milliseconds delay, int code) {
  if (!state_) return;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->exit_at = Clock::now() + delay;
    state_->exit_code = static_cast<unsigned int>(code);
  }
  SetEvent(state_->wake.Get());
}

void ParentWatch::Stop() {
  if (!state_) return;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stopped = true;
  }
  SetEvent(state_->wake.Get());
  thread_.join();
  state_.reset();
}

}  // namespace prefork
