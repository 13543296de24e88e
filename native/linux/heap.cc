#include "native/linux/heap.h"

#include <cstddef>

// A function of glibc. Weak, because musl has none and needs none: its malloc gives free memory
// back by itself.
extern "C" int malloc_trim(std::size_t pad) __attribute__((weak));

namespace prefork {

void ReleaseFreeMemory() {
  if (malloc_trim != nullptr) malloc_trim(0);
}

}  // namespace prefork
