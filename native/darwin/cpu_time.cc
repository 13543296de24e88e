#include "native/core/cpu_time.h"

namespace prefork {

// No call of this system tells how long a thread has waited for a CPU.
std::optional<CpuTime> MainThreadTime() { return std::nullopt; }

}  // namespace prefork
