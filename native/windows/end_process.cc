#include <windows.h>

#include "native/core/master_deadlines.h"

namespace prefork {

int OwnPid() { return static_cast<int>(GetCurrentProcessId()); }

void EndProcess(int code) {
  TerminateProcess(GetCurrentProcess(), static_cast<unsigned int>(code));
  // TerminateProcess() does not return for the own process, but the compiler does not know that.
  for (;;) Sleep(INFINITE);
}

}  // namespace prefork
