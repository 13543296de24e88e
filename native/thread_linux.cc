#include <pthread.h>

#include "thread_name.h"

namespace prefork {

void NameThread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace prefork
