#include "native/posix/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

// How often another process may take an ephemeral port between bind(2) and listen(2).
constexpr int kEphemeralAttempts = 16;

struct RawAddress {
  sockaddr_storage storage;
  socklen_t length;
};

// getaddrinfo(3) rather than inet_pton(3): it understands the scope of a link-local address,
// fe80::1%eth0.
RawAddress Parse(const TcpAddress& address) {
  addrinfo hints = {};
  hints.ai_family = address.family == Family::kIPv6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int status = getaddrinfo(address.address.c_str(), port.c_str(), &hints, &found);
  if (status != 0 || found == nullptr) {
    const int error = status == EAI_SYSTEM ? errno : status == EAI_MEMORY ? ENOMEM : EINVAL;
    throw SysError(error, "getaddrinfo")
        .At(address.address, address.port)
        .Advise("not a numeric address of this family");
  }
  RawAddress raw = {};
  memcpy(&raw.storage, found->ai_addr, found->ai_addrlen);
  raw.length = found->ai_addrlen;
  freeaddrinfo(found);
  return raw;
}

std::string WayOut(int error, const TcpAddress& address) {
  switch (error) {
    case EADDRINUSE:
      return "another process has this address: stop it or choose another port";
    case EACCES:
      return "this user may not bind this port: choose one from 1024 up, or grant "
             "CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
      return "no interface of this machine has the address " + address.address;
    default:
      return "";
  }
}

SysError Failed(int error, const char* syscall, const TcpAddress& address) {
  return SysError(error, syscall).At(address.address, address.port).Advise(WayOut(error, address));
}

int GetFlag(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  if (getsockopt(fd, level, option, &value, &length) != 0) throw SysError(errno, "getsockopt");
  return value;
}

SocketName Decode(const sockaddr_storage& storage, socklen_t length) {
  SocketName name;
  if (storage.ss_family == AF_UNIX) {
    name.family = Family::kUnix;
    const auto& address = reinterpret_cast<const sockaddr_un&>(storage);
    const std::size_t header = offsetof(sockaddr_un, sun_path);
    const std::size_t size = length > header ? length - header : 0;
    // A path may fill sun_path without a terminator, unix(7); a leading NUL is an abstract name, of
    // exact length. A socket without a name has nothing there, or NULs alone on macOS.
    const bool named = std::any_of(address.sun_path, address.sun_path + size,
                                   [](char character) { return character != '\0'; });
    if (named && address.sun_path[0] == '\0') {
      name.address.assign(address.sun_path, size);
    } else {
      name.address.assign(address.sun_path, strnlen(address.sun_path, size));
    }
    return name;
  }
  if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6) return name;
  char host[NI_MAXHOST];
  const auto* address = reinterpret_cast<const sockaddr*>(&storage);
  if (getnameinfo(address, length, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) {
    throw SysError(EINVAL, "getnameinfo");
  }
  name.address = host;
  if (storage.ss_family == AF_INET) {
    name.family = Family::kIPv4;
    name.port = ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
  } else {
    name.family = Family::kIPv6;
    name.port = ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
  }
  return name;
}

}  // namespace

UniqueFd OpenTcpSocket(const TcpAddress& address) {
  try {
    UniqueFd fd = OpenSocket(address.family == Family::kIPv6 ? AF_INET6 : AF_INET, SOCK_STREAM);
    if (address.family == Family::kIPv6) {
      // Always said explicitly: the default is the sysctl net.ipv6.bindv6only, ipv6(7).
      const int only = address.ipv6_only ? 1 : 0;
      if (setsockopt(fd.Get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0) {
        throw SysError(errno, "setsockopt");
      }
    }
    return fd;
  } catch (SysError& error) {
    throw error.At(address.address, address.port);
  }
}

void SetSocketFlag(int fd, int option, const char* name, bool value, const TcpAddress& address) {
  const int on = value ? 1 : 0;
  if (setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) != 0) {
    throw SysError(errno, "setsockopt").At(address.address, address.port).Advise(name);
  }
}

void BindTcp(int fd, const TcpAddress& address) {
  const RawAddress raw = Parse(address);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&raw.storage), raw.length) != 0) {
    throw Failed(errno, "bind", address);
  }
}

UniqueFd ListenTcp(const TcpAddress& address, int backlog, bool reuse_port) {
  for (int attempt = 1;; ++attempt) {
    UniqueFd fd = OpenTcpSocket(address);
    // A restart must not wait for the TIME_WAITs of the last run, socket(7).
    SetSocketFlag(fd.Get(), SO_REUSEADDR, "SO_REUSEADDR", true, address);
    if (reuse_port) SetSocketFlag(fd.Get(), SO_REUSEPORT, "SO_REUSEPORT", true, address);
    BindTcp(fd.Get(), address);
    if (listen(fd.Get(), backlog) == 0) return fd;
    // The kernel may give two SO_REUSEADDR sockets one ephemeral port; the second listen(2) shows
    // it:
    //   A bind(0) -> p | B bind(0) -> p | A listen | B listen: EADDRINUSE
    // The caller did not ask for p, so another number is as good.
    if (errno == EADDRINUSE && address.port == 0 && attempt < kEphemeralAttempts) continue;
    throw Failed(errno, "listen", address);
  }
}

void SetBacklog(int fd, int backlog) {
  // listen(2) would turn a socket that is merely bound, such as a guard, into one that takes
  // connections.
  if (GetFlag(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0)
    throw SysError(EINVAL, "listen").Advise("the socket does not listen yet");
  if (listen(fd, backlog) != 0) throw SysError(errno, "listen");
}

SocketName NameOf(int fd) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0)
    throw SysError(errno, "getsockname");
  return Decode(storage, length);
}

Inspection Inspect(int fd) {
  Inspection found;
  const int descriptor_flags = fcntl(fd, F_GETFD);
  const int file_flags = fcntl(fd, F_GETFL);
  if (descriptor_flags < 0 || file_flags < 0) throw SysError(errno, "fcntl");
  found.close_on_exec = (descriptor_flags & FD_CLOEXEC) != 0;
  found.non_blocking = (file_flags & O_NONBLOCK) != 0;
  int type = 0;
  socklen_t length = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0) {
    if (errno == ENOTSOCK) return found;
    throw SysError(errno, "getsockopt");
  }
  found.name = NameOf(fd);
  found.stream = type == SOCK_STREAM;
  found.listening = GetFlag(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0;
  const bool tcp = found.name.family == Family::kIPv4 || found.name.family == Family::kIPv6;
  found.reuse_port = tcp && GetFlag(fd, SOL_SOCKET, SO_REUSEPORT) != 0;
  found.ipv6_only =
      found.name.family == Family::kIPv6 && GetFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
  return found;
}

}  // namespace prefork
