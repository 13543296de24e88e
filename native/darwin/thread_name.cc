#include "native/posix/thread_name.h"

#include <pthread.h>

namespace prefork {

void NameThread(const char* name) { pthread_setname_np(name); }

}  // namespace prefork
