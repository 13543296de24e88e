#include <windows.h>

#include "native/core/master_deadlines.h"

namespace prefork {

int OwnPid() { return static_cast<int>(GetCurrentProcessId()); }

void EndProcess(int code) {
  TerminateProcess(GetCurrentProcess(), static_cast<unsigned int>(code));
  // It does not return for one's own process; the compiler does not know.
  for (;;) Sleep(INFINITE);
}

}  // namespace prefork
