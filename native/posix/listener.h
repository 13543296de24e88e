// Listening sockets: make them, look at them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "native/core/socket_address.h"
#include "native/posix/unique_fd.h"

namespace prefork {

struct QueueFill {
  std::uint32_t depth;
  std::uint32_t limit;
};

enum class UnixProbe { kLive, kStale, kAbsent, kNotASocket };

UniqueFd ListenTcp(const TcpAddress& address, int backlog, bool reuse_port);
// Bound, never listening: keeps a second master of the same user off an address shared through
// SO_REUSEPORT.
UniqueFd GuardTcp(const TcpAddress& address);
// What chown(2) and chmod(2) make of the file of a unix socket.
struct UnixFile {
  std::optional<uid_t> owner;
  std::optional<gid_t> group;
  std::optional<mode_t> mode;
};

// Binds `path` as it is, applies `file` before a client can connect, listens.
UniqueFd ListenUnix(const std::string& path, int backlog, const UnixFile& file);
// connect(2) as a question: does a process listen behind this path?
UnixProbe ProbeUnix(const std::string& path);

// How many bytes `path` may have.
int UnixPathMax();

// listen(2) again on a socket that listens already.
void SetBacklog(int fd, int backlog);
SocketName NameOf(int fd);
// Answers for any open descriptor, also for that of a file. Throws EBADF for a closed one.
Inspection Inspect(int fd);
// Throws EINVAL for a socket that does not listen, and another error where the kernel does not
// report the numbers.
QueueFill ReadQueue(int fd);
// Whether the kernel reports queues, asked about a TCP socket that need not listen: 0, or -1 with
// errno.
int TryQueueInfo(int fd);

// For linux/guard.cc, too.
UniqueFd OpenTcpSocket(const TcpAddress& address);
void SetSocketFlag(int fd, int option, const char* name, bool value, const TcpAddress& address);
void BindTcp(int fd, const TcpAddress& address);

}  // namespace prefork
