// macOS has MSG_CMSG_CLOEXEC not at all and MSG_NOSIGNAL not before 14. Whatever makes a pair of
// sockets gives it SO_NOSIGPIPE (open_fds.cc), and no process that libuv or this addon starts takes a
// descriptor that is not named.
#include "native/posix/message_flags.h"

#include <sys/socket.h>

namespace prefork {

const int kSendFlags = MSG_DONTWAIT;
const int kReceiveFlags = MSG_DONTWAIT;

}  // namespace prefork
