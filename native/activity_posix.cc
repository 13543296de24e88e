#include <errno.h>
#include <sys/ioctl.h>

#include "activity.h"
#include "sys_error.h"

namespace prefork {

int BytesWaiting(int fd) {
  int bytes = 0;
  if (ioctl(fd, FIONREAD, &bytes) != 0) throw SysError(errno, "ioctl(FIONREAD)");
  return bytes;
}

}  // namespace prefork
