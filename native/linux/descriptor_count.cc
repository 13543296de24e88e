#include <sys/stat.h>

#include "native/posix/descriptor_room.h"

namespace prefork {

std::optional<long> CountDescriptors() {
  struct stat folder = {};
  // Its size is their number since Linux 6.2, proc(5); it was 0 before.
  if (stat("/proc/self/fd", &folder) != 0 || folder.st_size == 0) return std::nullopt;
  return static_cast<long>(folder.st_size);
}

}  // namespace prefork
