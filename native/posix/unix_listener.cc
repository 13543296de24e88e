// Unix sockets. TypeScript puts a socket in its place, by a temporary name and rename(2).
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"
#include "native/posix/listener.h"

namespace prefork {
namespace {

// One byte is kept for the terminator that unix(7) recommends: 107 on Linux, 103 on macOS.
constexpr std::size_t kUnixPathMax = sizeof sockaddr_un::sun_path - 1;

struct UnixAddress {
  sockaddr_un raw;
  socklen_t length;
};

UnixAddress MakeAddress(const std::string& path, const char* syscall) {
  UnixAddress address = {};
  if (path.empty() || path.find('\0') != std::string::npos) {
    // An empty path would make Linux pick an abstract name, unix(7) "Autobind".
    throw SysError(EINVAL, syscall)
        .On(path)
        .Advise("a socket path must not be empty or contain NUL");
  }
  if (path.size() > kUnixPathMax) {
    throw SysError(ENAMETOOLONG, syscall)
        .On(path)
        .Advise("a socket path has at most " + std::to_string(kUnixPathMax) +
                " bytes, this one has " + std::to_string(path.size()));
  }
  address.raw.sun_family = AF_UNIX;
  memcpy(address.raw.sun_path, path.c_str(), path.size() + 1);
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

const sockaddr* Raw(const UnixAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.raw);
}

}  // namespace

int UnixPathMax() { return static_cast<int>(kUnixPathMax); }

UniqueFd ListenUnix(const std::string& path, int backlog, const UnixFile& file) {
  const UnixAddress address = MakeAddress(path, "bind");
  UniqueFd fd = OpenSocket(AF_UNIX, SOCK_STREAM);
  // On Linux the file is made with the mode of the socket, less the umask (unix_bind_bsd): it is never
  // wider than asked for. macOS refuses with EINVAL, and chmod(2) below sets the mode everywhere.
  if (file.mode) static_cast<void>(fchmod(fd.Get(), *file.mode));
  if (bind(fd.Get(), Raw(address), address.length) != 0) {
    const int error = errno;
    const bool taken = error == EADDRINUSE;
    throw SysError(error, "bind").On(path).Advise(taken ? "something exists at this path" : "");
  }
  // From here on the file is ours, and a failure must not leave it behind. No client can connect
  // before listen(2), so owner and mode are never wider than asked for while it matters.
  const auto failed = [&](const char* syscall) {
    const int error = errno;
    unlink(path.c_str());
    return SysError(error, syscall).On(path);
  };
  // (uid_t) -1 is "no change", chown(2). The folder may be one that others write to: a link that was
  // put in the place of the socket must not give another file away.
  if ((file.owner || file.group) &&
      lchown(path.c_str(), file.owner.value_or(static_cast<uid_t>(-1)),
             file.group.value_or(static_cast<gid_t>(-1))) != 0) {
    throw failed("chown");
  }
  if (file.mode && chmod(path.c_str(), *file.mode) != 0) throw failed("chmod");
  if (listen(fd.Get(), backlog) != 0) throw failed("listen");
  return fd;
}

UnixProbe ProbeUnix(const std::string& path) {
  const UnixAddress address = MakeAddress(path, "connect");
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return UnixProbe::kAbsent;
    throw SysError(errno, "lstat").On(path);
  }
  // A link that leads nowhere is a file all the same, not an absent one.
  if (S_ISLNK(info.st_mode) && stat(path.c_str(), &info) != 0) return UnixProbe::kNotASocket;
  if (!S_ISSOCK(info.st_mode)) return UnixProbe::kNotASocket;
  // A datagram socket cannot connect to a stream socket, and its error is the answer: EPROTOTYPE
  // when a process holds the socket, ECONNREFUSED when none does. A stream socket would show the
  // same, but as a connection to the server: one that closes at once, and that a full queue refuses
  // with EAGAIN.
  const UniqueFd fd = OpenSocket(AF_UNIX, SOCK_DGRAM);
  if (connect(fd.Get(), Raw(address), address.length) == 0) return UnixProbe::kLive;
  switch (errno) {
    case ECONNREFUSED:
      return UnixProbe::kStale;
    case ENOENT:  // removed since lstat(2)
      return UnixProbe::kAbsent;
    case EPROTOTYPE:
    case EPERM:  // a datagram socket that only talks to its own peer: alive, and not ours
      return UnixProbe::kLive;
    default:
      throw SysError(errno, "connect").On(path);
  }
}

}  // namespace prefork
