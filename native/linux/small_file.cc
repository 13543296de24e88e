#include "native/linux/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "native/posix/unique_fd.h"

namespace prefork {

bool ReadSmallFile(const char* path, char* text, std::size_t size) {
  const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  const ssize_t length = read(file.Get(), text, size - 1);
  if (length <= 0) return false;
  text[length] = '\0';
  return true;
}

}  // namespace prefork
