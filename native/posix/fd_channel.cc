#include "native/posix/fd_channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <chrono>
#include <string>

#include "native/core/sys_error.h"
#include "native/posix/fd.h"
#include "native/posix/message_flags.h"
#include "native/posix/rights.h"

namespace prefork {
namespace {

// Both ends are of one build of this addon: no byte order, no version.
struct Header {
  // Anything else is no beginning of a message.
  std::uint32_t mark;
  std::uint32_t tag;
  std::uint32_t count;
  // Of the words behind it.
  std::uint32_t length;
};
constexpr std::uint32_t kMark = 0x70666473;
constexpr std::size_t kLongestMessage = sizeof(Header) + kLongestText;
// Milliseconds until the rest of a message is there of which the beginning is: its sender is inside
// of sendmsg(2).
constexpr int kRest = 1000;

// Large enough and aligned for one control message, cmsg(3).
union Control {
  cmsghdr align;
  char bytes[CMSG_SPACE(kMostFdsInMessage * sizeof(int))];
};

// What came beside the bytes of one message.
struct Rights {
  std::vector<UniqueFd> fds;
  // The kernel could not give all of them a number here.
  bool cut = false;
};

// `fds` has room for all that `message` can have: nothing may throw while a descriptor has no owner.
void Take(msghdr* message, std::vector<UniqueFd>* fds) {
  const std::size_t before = fds->size();
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds->emplace_back(fd);
    }
  }
  // Where kReceiveFlags cannot ask for it.
  for (std::size_t i = before; i < fds->size(); ++i) SetCloseOnExec((*fds)[i].Get());
}

// One recvmsg(2), with whatever descriptors lie at these bytes: 0 at the end of the channel, nothing
// while it has nothing.
std::optional<std::size_t> ReadSome(int channel, char* data, std::size_t size, Rights* rights) {
  iovec piece = {data, size};
  Control control = {};
  // Before the kernel gives them a number.
  rights->fds.reserve(rights->fds.size() + kMostFdsInMessage);
  for (;;) {
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const ssize_t got = recvmsg(channel, &message, kReceiveFlags);
    if (got >= 0) {
      Take(&message, &rights->fds);
      if ((message.msg_flags & MSG_CTRUNC) != 0) rights->cut = true;
      return static_cast<std::size_t>(got);
    }
    if (errno == EINTR) continue;
    // XNU, for want of descriptors: they are gone, the bytes are still there, uipc_usrreq.c
    // unp_externalize().
    if (errno == EMSGSIZE && !rights->cut) {
      rights->cut = true;
      continue;
    }
    if (errno == EAGAIN) return std::nullopt;
    if (errno == ECONNRESET) return 0;
    throw SysError(errno, "recvmsg");
  }
}

// Reads so many bytes and no more: those behind them belong to the next message, and its descriptors
// come with its first byte. Fewer at the end of the channel, or when the rest does not come.
std::size_t Read(int channel, char* data, std::size_t size, Rights* rights, bool begun) {
  std::size_t done = 0;
  while (done < size) {
    const std::optional<std::size_t> got = ReadSome(channel, data + done, size - done, rights);
    if (got == std::size_t{0}) break;
    if (got) {
      done += *got;
      continue;
    }
    if (done == 0 && !begun) break;
    pollfd watched = {channel, POLLIN, 0};
    if (poll(&watched, 1, kRest) == 0) break;
  }
  return done;
}

// What is in the channel cannot be told apart any more.
[[noreturn]] void Refuse(int channel) {
  char rest[4096];
  Rights lost;
  while (ReadSome(channel, rest, sizeof rest, &lost).value_or(0) > 0) lost.fds.clear();
  throw SysError(EBADMSG, "recvmsg").Advise("not a message of prefork");
}

}  // namespace

// A stream, because macOS has no SOCK_SEQPACKET for unix sockets, and no end-of-file for datagrams.
// The kernel delivers the descriptors of one sendmsg(2) with its first byte, and no recvmsg(2) reads
// beyond bytes that have descriptors, unix(7).
std::pair<UniqueFd, UniqueFd> MakeFdChannel() {
  std::pair<UniqueFd, UniqueFd> pair = MakeSocketPair();
  for (const UniqueFd* end : {&pair.first, &pair.second}) {
    SetNonBlocking(end->Get());
    // XNU would take a part of a message where there is no room for all of it. Linux does not, and
    // knows no such option: a message fits into one buffer of the kernel, af_unix.c
    // unix_stream_sendmsg().
    const int whole = kLongestMessage + sizeof(Control);
    if (setsockopt(end->Get(), SOL_SOCKET, SO_SNDLOWAT, &whole, sizeof whole) != 0 &&
        errno != ENOPROTOOPT)
      throw SysError(errno, "setsockopt");
  }
  return pair;
}

SendResult SendFds(int channel, std::uint32_t tag, const std::string& text,
                   const std::vector<int>& fds) {
  Header header = {kMark, tag, static_cast<std::uint32_t>(fds.size()),
                   static_cast<std::uint32_t>(text.size())};
  iovec payload[2] = {{&header, sizeof header}, {const_cast<char*>(text.data()), text.size()}};
  Control control = {};
  msghdr message = {};
  message.msg_iov = payload;
  message.msg_iovlen = 2;
  AttachRights(&message, control.bytes, fds);
  ssize_t sent;
  do {
    sent = sendmsg(channel, &message, kSendFlags);
  } while (sent < 0 && errno == EINTR);
  if (sent == static_cast<ssize_t>(sizeof header + text.size())) return SendResult::kSent;
  if (sent >= 0) {
    // The other end would take what follows for the rest of this one.
    shutdown(channel, SHUT_RDWR);
    return SendResult::kGone;
  }
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
  Rights rights;
  const std::size_t begin =
      Read(channel, reinterpret_cast<char*>(&header), sizeof header, &rights, false);
  if (begin == 0) return std::nullopt;
  if (begin < sizeof header || header.mark != kMark || header.length > kLongestText)
    Refuse(channel);
  std::string text(header.length, '\0');
  const std::size_t beside = rights.fds.size();
  if (Read(channel, text.data(), text.size(), &rights, true) < text.size() ||
      rights.fds.size() != beside)
    Refuse(channel);
  // The buffer has room for all of them, so the kernel gave the missing ones no number here. This
  // process has reached its limit of open files, or a security module refused, recvmsg(2)
  // MSG_CTRUNC. The kernel does not say which.
  if (rights.cut || rights.fds.size() != header.count) {
    throw SysError(EMFILE, "recvmsg")
        .Advise(std::to_string(rights.fds.size()) + " of " + std::to_string(header.count) +
                " descriptors of message " + std::to_string(header.tag) +
                " arrived: raise the limit of open files");
  }
  return FdMessage{header.tag, std::move(text), std::move(rights.fds)};
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
