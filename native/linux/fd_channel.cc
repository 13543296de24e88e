#include "native/linux/fd_channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <chrono>
#include <string>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

// Both ends are of one build of this addon: no byte order, no version.
struct Header {
  std::uint32_t tag;
  std::uint32_t count;
  // Of the words behind it.
  std::uint32_t length;
};

// Large enough and aligned for one control message, cmsg(3).
union Control {
  cmsghdr align;
  char bytes[CMSG_SPACE(kMostFdsInMessage * sizeof(int))];
};

msghdr Message(iovec (*payload)[2], Control* control, std::size_t control_size) {
  msghdr message = {};
  message.msg_iov = *payload;
  message.msg_iovlen = 2;
  message.msg_control = control->bytes;
  message.msg_controllen = control_size;
  return message;
}

std::vector<UniqueFd> Take(msghdr* message) {
  std::vector<UniqueFd> fds;
  fds.reserve(kMostFdsInMessage);  // nothing may throw while a descriptor has no owner
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

std::pair<UniqueFd, UniqueFd> MakeFdChannel() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
    throw SysError(errno, "socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

SendResult SendFds(int channel, std::uint32_t tag, const std::string& text,
                   const std::vector<int>& fds) {
  Header header = {tag, static_cast<std::uint32_t>(fds.size()),
                   static_cast<std::uint32_t>(text.size())};
  iovec payload[2] = {{&header, sizeof header}, {const_cast<char*>(text.data()), text.size()}};
  Control control = {};
  msghdr message = Message(&payload, &control, CMSG_SPACE(fds.size() * sizeof(int)));
  if (fds.empty()) {
    message.msg_control = nullptr;
    message.msg_controllen = 0;
  } else {
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
  }
  // MSG_DONTWAIT although the pair is non-blocking: that flag is shared with the other process,
  // which may have lost it.
  ssize_t sent;
  do {
    sent = sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return SendResult::kSent;
  switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS:  // more descriptors of this user are under way than it may have open,
                        // unix(7)
      return SendResult::kFull;
    case EPIPE:
    case ECONNRESET:  // closed with messages that it had not read
      return SendResult::kGone;
    default:
      throw SysError(errno, "sendmsg");
  }
}

std::optional<FdMessage> ReceiveFds(int channel) {
  Header header = {};
  std::string text(kLongestText, '\0');
  iovec payload[2] = {{&header, sizeof header}, {text.data(), text.size()}};
  Control control = {};
  msghdr message = Message(&payload, &control, sizeof control.bytes);
  ssize_t size;
  do {
    size = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno != EAGAIN && errno != ECONNRESET) throw SysError(errno, "recvmsg");
  if (size <= 0) return std::nullopt;
  std::vector<UniqueFd> fds = Take(&message);
  if (static_cast<std::size_t>(size) < sizeof header ||
      static_cast<std::size_t>(size) - sizeof header != header.length ||
      (message.msg_flags & MSG_TRUNC) != 0)
    throw SysError(EBADMSG, "recvmsg").Advise("not a message of prefork");
  // The buffer has room for all of them, so the kernel gave the missing ones no number here. This
  // process has reached its limit of open files, or a security module refused, recvmsg(2)
  // MSG_CTRUNC. The kernel does not say which.
  if ((message.msg_flags & MSG_CTRUNC) != 0 || fds.size() != header.count) {
    throw SysError(EMFILE, "recvmsg")
        .Advise(std::to_string(fds.size()) + " of " + std::to_string(header.count) +
                " descriptors of message " + std::to_string(header.tag) +
                " arrived: raise the limit of open files");
  }
  text.resize(static_cast<std::size_t>(size) - sizeof header);
  return FdMessage{header.tag, std::move(text), std::move(fds)};
}

void AwaitFds(int channel, int timeout) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::milliseconds(timeout);
  pollfd watched = {channel, POLLIN, 0};
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (poll(&watched, 1, left > 0 ? static_cast<int>(left) : 0) >= 0) return;
    // A signal that Node handles: its handler waits for the event loop.
    if (errno != EINTR) throw SysError(errno, "poll");
  }
}

}  // namespace prefork
