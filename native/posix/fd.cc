#include "native/posix/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

constexpr int kFirstAfterStdio = 3;
// How often other processes may swap the file under a locker before that counts as an error.
constexpr int kLockAttempts = 100;

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

UniqueFd OpenNull() {
  UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing) throw SysError(errno, "open").On("/dev/null");
  return nothing;
}

UniqueFd Duplicate(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, kFirstAfterStdio));
  if (!copy) throw SysError(errno, "fcntl");
  return copy;
}

void CloseFd(int fd) {
  // EINTR: the descriptor is closed all the same, close(2).
  if (close(fd) != 0 && errno != EINTR) throw SysError(errno, "close");
}

void SetCloseOnExec(int fd) {
  const int flags = fcntl(fd, F_GETFD);
  if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) != 0) throw SysError(errno, "fcntl");
}

bool SetNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) throw SysError(errno, "fcntl");
  if ((flags & O_NONBLOCK) != 0) return true;
  if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) throw SysError(errno, "fcntl");
  return false;
}

bool HasControllingTerminal() {
  // tty(4): opening /dev/tty fails with ENXIO in a process without a controlling terminal.
  return static_cast<bool>(UniqueFd(open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC)));
}

std::optional<UniqueFd> LockFile(const std::string& path) {
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    // O_NOFOLLOW: in a directory that others may write to, a planted link must not choose the file.
    constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    UniqueFd fd(open(path.c_str(), kFlags | O_EXCL, 0600));
    const bool made = static_cast<bool>(fd);
    // O_CREAT again: so the kernel refuses a file that another user has planted where everybody may
    // write, proc_sys_fs(5) protected_regular.
    if (!made && errno == EEXIST) fd = UniqueFd(open(path.c_str(), kFlags, 0600));
    if (!fd) throw SysError(errno, "open").On(path);
    if (flock(fd.Get(), LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      if (error == EWOULDBLOCK) return std::nullopt;
      if (error == EINTR) continue;
      // A file system without locks, on which no process holds it.
      if (made) unlink(path.c_str());
      throw SysError(error, "flock").On(path);
    }
    // A holds the lock and unlinks the file. B opened it before, and gets the lock of a file that
    // no path leads to any more. C creates the file anew and locks that:
    //   A open, lock | B open | A unlink, close | B lock (old inode) | C open (new inode), lock
    // So a lock counts only while the path still leads to the locked file.
    struct stat locked;
    struct stat named;
    if (fstat(fd.Get(), &locked) != 0) throw SysError(errno, "fstat").On(path);
    if (lstat(path.c_str(), &named) == 0 && SameFile(locked, named)) return fd;
  }
  throw SysError(EBUSY, "flock").On(path).Advise("another process keeps replacing the lock file");
}

}  // namespace prefork
