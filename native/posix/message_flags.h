// Flags of sendmsg(2) and recvmsg(2), as far as a system has them.
#pragma once

namespace prefork {

// Never waits, and no signal when the other end is gone.
extern const int kSendFlags;
// Never waits. Descriptors are close-on-exec from birth where that can be had.
extern const int kReceiveFlags;

}  // namespace prefork
