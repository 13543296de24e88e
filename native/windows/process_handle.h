// Handles on processes.
#pragma once

#include <cstdint>

#include "native/windows/unique_handle.h"

namespace prefork {

// A handle that holds the process, so that its pid is not used again while it is open. `access` on
// top of what tells whether it has ended. Throws ESRCH for one that is gone.
UniqueHandle OpenRunning(unsigned long pid, unsigned long access);

// False for a handle that is not allowed to tell.
bool HasEnded(HANDLE process);

// In units of 100 ns since 1601, MSDN FILETIME; 0 when the handle is not allowed to tell. With the
// pid it names one process for ever.
std::uint64_t CreationTime(HANDLE process);

}  // namespace prefork
