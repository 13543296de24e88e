#include "native/linux/notice.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"
#include "native/posix/rights.h"

namespace prefork {
namespace {

union Control {
  cmsghdr align;
  char bytes[CMSG_SPACE(kMostFdsInNotice * sizeof(int))];
};

socklen_t Fill(sockaddr_un* raw, const std::string& address) {
  const bool abstract = address[0] == '@';
  // An abstract name has no terminator, and its length counts, unix(7).
  const std::size_t most = sizeof raw->sun_path - (abstract ? 0 : 1);
  if (address.size() > most) throw SysError(ENAMETOOLONG, "sendmsg").On(address);
  raw->sun_family = AF_UNIX;
  memcpy(raw->sun_path, address.data(), address.size());
  if (abstract) raw->sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size() +
                                (abstract ? 0 : 1));
}

// Kept, so that a master which has used up its descriptors is heard all the same. It has no peer: a
// manager that opens its address anew is reached, too. Throws SysError; the next call tries again.
int NoticeSocket() {
  static const UniqueFd fd = OpenSocket(AF_UNIX, SOCK_DGRAM);
  return fd.Get();
}

// Another attempt may find room: in the manager's queue, among the descriptors and in the memory of
// this process, or among those of this user that are under way, unix(7).
bool MayPass(int error) {
  switch (error) {
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS:
      return true;
    default:
      return false;
  }
}

void Send(const std::string& address, const std::string& text, const std::vector<int>& fds) {
  const int fd = NoticeSocket();
  sockaddr_un raw = {};
  iovec payload = {const_cast<char*>(text.data()), text.size()};
  Control control = {};
  msghdr message = {};
  message.msg_namelen = Fill(&raw, address);
  message.msg_name = &raw;
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  AttachRights(&message, control.bytes, fds);
  ssize_t sent;
  do {
    sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) throw SysError(errno, "sendmsg").On(address);
}

}  // namespace

bool SendNotice(const std::string& address, const std::string& text, const std::vector<int>& fds) {
  try {
    Send(address, text, fds);
    return true;
  } catch (const SysError& failed) {
    if (MayPass(failed.error)) return false;
    throw;
  }
}

}  // namespace prefork
