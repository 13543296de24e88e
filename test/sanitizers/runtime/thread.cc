// Linked before libtsan.so into the node of the tests, so that this holds in every process that this
// node becomes, whatever environment it was given.
#include <dlfcn.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "runtime.h"

// exitcode=0: what Node leaves to of-node.mjs must not change an exit code that a test looks at. A
// report is in the folder in any case.
// symbolize=0: Node has 80,000 symbols, and a process would read them all. test/sanitizers does it.
// atexit_sleep_ms=0: _exit(2) would take a second, and a worker that has said its last words has no
// second more.
// second_deadlock_stack=1: both stacks of a lock that is taken in two orders.
EXPORTED const char* __tsan_default_options() {
  return "exitcode=0:symbolize=0:atexit_sleep_ms=0:second_deadlock_stack=1:history_size=4:"
         "log_path=" REPORTS "/tsan";
}

// Room for the file of a report: some tests let a process run out of descriptors. Returns whether the
// kernel gave it: the hard limit is for CAP_SYS_RESOURCE.
static bool AddDescriptors(int more) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  limit.rlim_cur += more;
  if (limit.rlim_max < limit.rlim_cur) limit.rlim_max = limit.rlim_cur;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// For the report that is being written; the runtime writes one at a time.
static bool g_room = false;

// At its end a process that has reported something says how often.
__attribute__((constructor)) static void AddDescriptorAtExit() {
  atexit([] { AddDescriptors(1); });
}

// The runtime calls this before a report, with a lock that its threads share.
namespace __tsan {
struct ReportDesc;
__attribute__((visibility("default"))) bool OnReport(const ReportDesc*, bool suppressed) {
  g_room = AddDescriptors(1);
  return suppressed;
}
}  // namespace __tsan

// The runtime calls this after a report, which closes its file: tests count the descriptors of a
// process. The next one has another name, as the runtime would empty the file that is there.
EXPORTED void __sanitizer_set_report_path(const char* path);
EXPORTED void __tsan_on_report(void*) {
  static unsigned reports = 0;
  static char path[] = REPORTS "/tsan-0000000";
  // No snprintf(3): the runtime, which has its own, is in the middle of a report.
  unsigned left = ++reports;
  for (char* digit = path + sizeof path - 2; *digit != '-'; --digit, left /= 10)
    *digit = static_cast<char>('0' + left % 10);
  __sanitizer_set_report_path(path);
  if (g_room) AddDescriptors(-1);
  g_room = false;
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
