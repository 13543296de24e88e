#include "native/core/cpu_time.h"

#include <cstdio>
#include <cstring>

#include "native/linux/small_file.h"

namespace prefork {
namespace {

using std::chrono::nanoseconds;

// The files of the process itself are those of its main thread. Also true where the kernel does not
// say.
bool IsReady() {
  char text[512];
  if (!ReadSmallFile("/proc/self/stat", text, sizeof text)) return true;
  // proc_pid_stat(5): the name of the program may have anything in it, the state is behind it.
  const char* name = std::strrchr(text, ')');
  return name == nullptr || std::strncmp(name, ") R", 3) == 0;
}

}  // namespace

// Documentation/scheduler/sched-stats.rst: time on a CPU, time waiting for one, times it got one. A
// kernel that does not count answers "0 0 0".
std::optional<CpuTime> MainThreadTime() {
  char text[128];
  if (!ReadSmallFile("/proc/self/schedstat", text, sizeof text)) return std::nullopt;
  long long running = 0;
  long long waiting = 0;
  long long turns = 0;
  if (std::sscanf(text, "%lld %lld %lld", &running, &waiting, &turns) != 3 || turns == 0)
    return std::nullopt;
  return CpuTime{nanoseconds(running), nanoseconds(waiting), IsReady()};
}

}  // namespace prefork
