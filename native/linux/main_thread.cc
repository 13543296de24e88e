#include "native/core/main_thread.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace prefork {

bool OnMainThread() { return syscall(SYS_gettid) == getpid(); }

}  // namespace prefork
