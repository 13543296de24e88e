// Linked before libtsan.so into the node of the tests, so that this holds in every process that this
// node becomes, whatever environment it was given.
#include <dlfcn.h>
#include <sched.h>
#include <stdarg.h>

#include "runtime.h"

// exitcode=0: races of Node itself, which is not instrumented, must not change an exit code that a
// test looks at. A report is in the folder in any case.
// second_deadlock_stack=1: both stacks of a lock that is taken in two orders.
EXPORTED const char* __tsan_default_options() {
  return "exitcode=0:symbolize=0:second_deadlock_stack=1:history_size=4:"
         "log_path=" REPORTS "/tsan";
}

// libtsan takes clone(2) for fork(2): it locks its own state before, and unlocks it in the child and
// in the parent. With CLONE_VM that is the same state. So the child gets a copy here, as it does
// under an emulator; the build with ASan runs the child in the memory of its parent.
EXPORTED int clone(int (*body)(void*), void* stack, int flags, void* argument, ...) {
  using Clone = int (*)(int (*)(void*), void*, int, void*, ...);
  static const auto next = reinterpret_cast<Clone>(dlsym(RTLD_NEXT, "clone"));
  va_list more;
  va_start(more, argument);
  void* parent_tid = va_arg(more, void*);
  void* tls = va_arg(more, void*);
  void* child_tid = va_arg(more, void*);
  va_end(more);
  return next(body, stack, flags & ~CLONE_VM, argument, parent_tid, tls, child_tid);
}
