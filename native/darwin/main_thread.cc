#include "native/core/main_thread.h"

#include <pthread.h>

namespace prefork {

bool OnMainThread() { return pthread_main_np() != 0; }

}  // namespace prefork
