#include "native/windows/process_handle.h"

#include <errno.h>

#include "native/windows/windows_error.h"

namespace prefork {

UniqueHandle OpenRunning(unsigned long pid, unsigned long access) {
  UniqueHandle process(OpenProcess(SYNCHRONIZE | access, FALSE, pid));
  if (!process) {
    const unsigned long error = GetLastError();
    // The error of OpenProcess() for a pid that no process has.
    if (error == ERROR_INVALID_PARAMETER) throw SysError(ESRCH, "OpenProcess");
    throw WindowsError(error, "OpenProcess");
  }
  // OpenProcess() also opens a process that has ended, as long as any handle on it is open, that of
  // libuv for instance.
  if (HasEnded(process.Get())) throw SysError(ESRCH, "OpenProcess");
  return process;
}

bool HasEnded(HANDLE process) { return WaitForSingleObject(process, 0) == WAIT_OBJECT_0; }

std::uint64_t CreationTime(HANDLE process) {
  FILETIME created;
  FILETIME others[3];
  if (GetProcessTimes(process, &created, &others[0], &others[1], &others[2]) == 0) return 0;
  return static_cast<std::uint64_t>(created.dwHighDateTime) << 32 | created.dwLowDateTime;
}

}  // namespace prefork
