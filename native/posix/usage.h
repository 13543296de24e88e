// What a process takes of the machine.
#pragma once

#include <sys/types.h>

#include <optional>

namespace prefork {

struct ProcessUsage {
  double rss;  // bytes
  double cpu;  // milliseconds, of all threads
};

// Empty when there is no such process, and where the system does not report it.
std::optional<ProcessUsage> UsageOf(pid_t pid);

}  // namespace prefork
