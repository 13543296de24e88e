// Errors of Windows as the errors that Node reports for them.
#pragma once

#include "native/core/sys_error.h"

namespace prefork {

// `error` comes from GetLastError() or WSAGetLastError(). A number that has no errno becomes
// UNKNOWN, as in libuv, and the message has the number.
SysError WindowsError(unsigned long error, std::string syscall);

}  // namespace prefork
