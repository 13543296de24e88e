#include <pthread.h>

#include "main_thread.h"
#include "thread_name.h"

namespace prefork {

bool OnMainThread() { return pthread_main_np() != 0; }

void NameThread(const char* name) { pthread_setname_np(name); }

}  // namespace prefork
