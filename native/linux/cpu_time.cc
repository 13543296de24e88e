#include "native/core/cpu_time.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "native/posix/unique_fd.h"

namespace prefork {
namespace {

using std::chrono::nanoseconds;

// Small files, which the kernel makes out of memory. Those of the process itself are those of its
// main thread.
bool Read(const char* path, char* text, std::size_t size) {
  const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  const ssize_t length = read(file.Get(), text, size - 1);
  if (length <= 0) return false;
  text[length] = '\0';
  return true;
}

// Also true where the kernel does not say.
bool IsReady() {
  char text[512];
  if (!Read("/proc/self/stat", text, sizeof text)) return true;
  // proc_pid_stat(5): the name of the program may have anything in it, the state is behind it.
  const char* name = std::strrchr(text, ')');
  return name == nullptr || std::strncmp(name, ") R", 3) == 0;
}

}  // namespace

// Documentation/scheduler/sched-stats.rst: time on a CPU, time waiting for one, times it got one. A
// kernel that does not count answers "0 0 0".
std::optional<CpuTime> MainThreadTime() {
  char text[128];
  if (!Read("/proc/self/schedstat", text, sizeof text)) return std::nullopt;
  long long running = 0;
  long long waiting = 0;
  long long turns = 0;
  if (std::sscanf(text, "%lld %lld %lld", &running, &waiting, &turns) != 3 || turns == 0)
    return std::nullopt;
  return CpuTime{nanoseconds(running), nanoseconds(waiting), IsReady()};
}

}  // namespace prefork
