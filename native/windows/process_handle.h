// Handles on processes.
#pragma once

#include <cstdint>

#include "native/windows/unique_handle.h"

namespace prefork {

// A handle that holds the process, so that its pid is not used again while it is open. `access`
// comes on top of the right to see whether it has ended. Throws ESRCH for a process that is gone.
UniqueHandle OpenRunning(unsigned long pid, unsigned long access);

// False also when the handle lacks the right to see that.
bool HasEnded(HANDLE process);

// In units of 100 ns since 1601, MSDN FILETIME; 0 when the handle lacks the right to see it.
// Together with the pid it names one process for ever.
std::uint64_t CreationTime(HANDLE process);

}  // namespace prefork
