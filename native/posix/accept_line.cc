#include "native/posix/accept_line.h"

#include <sys/stat.h>

namespace prefork {

AcceptLine::AcceptLine(int poll_fd, int listener, bool exclusive)
    : poll_fd_(poll_fd), listener_(listener), exclusive_(exclusive) {
  struct stat found = {};
  // A descriptor that fstat(2) refuses keeps inode 0, which no file has.
  if (fstat(listener_, &found) != 0) return;
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

bool AcceptLine::Turn() {
  // A listener that is out comes back at the end of the line anyway.
  if (!exclusive_ || out_ || !Leave()) return true;
  return Enter();
}

bool AcceptLine::IsSame() const {
  struct stat found = {};
  return fstat(listener_, &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
}

}  // namespace prefork
