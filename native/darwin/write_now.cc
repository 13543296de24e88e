#include <errno.h>

#include "native/posix/output.h"

namespace prefork {

ssize_t WriteWithoutWaiting(int, const char*, std::size_t) {
  errno = EOPNOTSUPP;
  return -1;
}

// Opening an entry of /dev/fd duplicates the descriptor, with the description that other processes
// share.
UniqueFd ReopenForWriting(int) {
  errno = EOPNOTSUPP;
  return UniqueFd();
}

}  // namespace prefork
