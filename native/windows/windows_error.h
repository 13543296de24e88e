// Errors of Windows as the errors that Node reports for them.
#pragma once

#include "native/core/sys_error.h"

namespace prefork {

// `error`: what GetLastError() or WSAGetLastError() said. A number that has no errno becomes
// UNKNOWN, as in libuv, and the message says it.
SysError WindowsError(unsigned long error, std::string syscall);

}  // namespace prefork
