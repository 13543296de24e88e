#include <sys/stat.h>

#include "native/posix/descriptor_room.h"

namespace prefork {

std::optional<long> CountDescriptors() {
  struct stat folder = {};
  // Since Linux 6.2 the size of the folder is the number of descriptors, proc(5); it was 0 before.
  if (stat("/proc/self/fd", &folder) != 0 || folder.st_size == 0) return std::nullopt;
  return static_cast<long>(folder.st_size);
}

}  // namespace prefork
