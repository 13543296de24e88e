// Descriptors that go along with a message, unix(7) SCM_RIGHTS.

#pragma once

#include <string.h>
#include <sys/socket.h>

#include <vector>

namespace prefork {

// `room` holds CMSG_SPACE of them, is aligned for a cmsghdr, and lives as long as the message.
inline void AttachRights(msghdr* message, char* room, const std::vector<int>& fds) {
  if (fds.empty()) return;
  message->msg_control = room;
  message->msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
  cmsghdr* rights = CMSG_FIRSTHDR(message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
}

}  // namespace prefork
