#include "native/posix/usage.h"

#include <libproc.h>
#include <mach/mach_time.h>

namespace prefork {

std::optional<ProcessUsage> UsageOf(pid_t pid) {
  proc_taskinfo info = {};
  if (proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &info, sizeof info) != static_cast<int>(sizeof info))
    return std::nullopt;
  // Times are in ticks of the machine, which are no nanoseconds on arm64.
  static const double tick = [] {
    mach_timebase_info_data_t base = {};
    mach_timebase_info(&base);
    return static_cast<double>(base.numer) / static_cast<double>(base.denom) / 1e6;
  }();
  return ProcessUsage{static_cast<double>(info.pti_resident_size),
                      static_cast<double>(info.pti_total_user + info.pti_total_system) * tick};
}

}  // namespace prefork
