// Linked before libasan.so into the node of the tests, so that these defaults hold in every process
// that this node becomes, whatever environment it was given.
#include <dlfcn.h>
#include <stdlib.h>

#include "runtime.h"

// exitcode=0: leaks of Node itself must not change an exit code that a test looks at. An error of
// the addon aborts, and its report is in the folder in any case.
// symbolize=0: Node has 80,000 symbols, and a process would read them all. test/sanitizers does it.
// malloc_context_size=8: in deeper stacks there are frames that V8 has compiled. For each of these
// the runtime reads /proc/self/maps again, and a worker would need seconds to exit.
// verify_asan_link_order=0: this library comes first, and has no function that the runtime replaces.
EXPORTED const char* __asan_default_options() {
  return "abort_on_error=1:exitcode=0:symbolize=0:malloc_context_size=8:verify_asan_link_order=0:"
         "detect_leaks=1:detect_stack_use_after_return=1:check_initialization_order=1:strict_init_"
         "order=1:"
         "strict_string_checks=1:log_path=" REPORTS "/asan";
}

EXPORTED const char* __ubsan_default_options() {
  return "abort_on_error=1:print_stacktrace=1:symbolize=0:log_path=" REPORTS "/ubsan";
}

// libasan and libubsan have the same function for log_path. The loader gives libubsan that of
// libasan, so libubsan would go on writing to stderr.
__attribute__((constructor)) static void DirectUbsan() {
  void* library = dlopen("libubsan.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) abort();
  void* function = dlsym(library, "__sanitizer_set_report_path");
  if (function == nullptr) abort();
  reinterpret_cast<void (*)(const char*)>(function)(REPORTS "/ubsan");
}
