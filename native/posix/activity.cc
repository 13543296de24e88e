#include "native/posix/activity.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "native/core/sys_error.h"

namespace prefork {

int BytesWaiting(int fd) {
  int bytes = 0;
  if (ioctl(fd, FIONREAD, &bytes) != 0) throw SysError(errno, "ioctl(FIONREAD)");
  return bytes;
}

bool EndIfSilent(int fd) {
  if (BytesWaiting(fd) > 0) return false;
  // Both ways: what comes now is refused, and a client whose request crossed the end-of-file can know
  // that it was not received. ENOTCONN: the client has reset it.
  if (shutdown(fd, SHUT_RDWR) != 0 && errno != ENOTCONN) throw SysError(errno, "shutdown");
  return true;
}

}  // namespace prefork
