#include "native/posix/usage.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "native/linux/small_file.h"

namespace prefork {

// proc_pid_stat(5)
std::optional<ProcessUsage> UsageOf(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  char text[1024];
  if (!ReadSmallFile(path.c_str(), text, sizeof text)) return std::nullopt;
  // The name of the program may have anything in it; behind it is the third field.
  const char* rest = std::strrchr(text, ')');
  unsigned long user = 0;
  unsigned long system = 0;
  long pages = 0;
  if (rest == nullptr ||
      std::sscanf(rest + 1,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d "
                  "%*u %*u %ld",
                  &user, &system, &pages) != 3)
    return std::nullopt;
  static const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  static const double tick = 1e3 / static_cast<double>(sysconf(_SC_CLK_TCK));
  return ProcessUsage{static_cast<double>(pages) * page, static_cast<double>(user + system) * tick};
}

}  // namespace prefork
