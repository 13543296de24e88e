#include "native/linux/abstract_listener.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"

namespace prefork {

UniqueFd ListenAbstract(const std::string& name, int backlog) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // As ss(8) shows it; an error has no NUL in it.
  const std::string shown = "@" + name.substr(1, name.find_last_not_of('\0'));
  if (name.size() > sizeof address.sun_path) {
    throw SysError(ENAMETOOLONG, "bind")
        .On(shown)
        .Advise("an abstract name has at most " + std::to_string(sizeof address.sun_path - 1) +
                " bytes behind its NUL");
  }
  memcpy(address.sun_path, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  UniqueFd fd = OpenSocket(AF_UNIX, SOCK_STREAM);
  if (bind(fd.Get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    const int error = errno;
    throw SysError(error, "bind")
        .On(shown)
        .Advise(error == EADDRINUSE ? "another process has this name: ss -lx shows it" : "");
  }
  if (listen(fd.Get(), backlog) != 0) throw SysError(errno, "listen").On(shown);
  return fd;
}

}  // namespace prefork
