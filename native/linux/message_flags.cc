#include "native/posix/message_flags.h"

#include <sys/socket.h>

namespace prefork {

// MSG_DONTWAIT although the channel is non-blocking: that flag is shared with the process that the
// other end was made for, which may have lost it.
const int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
const int kReceiveFlags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;

}  // namespace prefork
