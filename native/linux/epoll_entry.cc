#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>

#include "native/posix/accept_line.h"
#include "native/posix/loop_hook.h"

namespace prefork {
namespace {

// `line` is one of proc_pid_fdinfo(5), which has a line for every descriptor in the set. An entry
// of libuv is level-triggered, has EPOLLIN, and the descriptor as data.
bool IsOrdinary(const char* line, int listener) {
  int fd = -1;
  std::uint32_t events = 0;
  std::uint64_t data = 0;
  if (sscanf(line, " tfd: %d events: %" SCNx32 " data: %" SCNx64, &fd, &events, &data) != 3)
    return false;
  const std::uint32_t reported = EPOLLERR | EPOLLHUP;  // the kernel adds these itself
  return fd == listener && (events & ~reported) == EPOLLIN && static_cast<int>(data) == listener;
}

}  // namespace

PollSet::PollSet(int poll_fd)
    : list_(open(("/proc/self/fdinfo/" + std::to_string(poll_fd)).c_str(), O_RDONLY | O_CLOEXEC)) {}

bool PollSet::Has(int listener) const {
  std::string text;
  char piece[4096];
  for (ssize_t got; (got = pread(list_.Get(), piece, sizeof piece, text.size())) > 0;)
    text.append(piece, got);
  for (std::size_t at = 0; at != std::string::npos; at = text.find('\n', at + 1))
    if (IsOrdinary(text.c_str() + at, listener)) return true;
  return false;
}

bool AcceptLine::Leave() {
  if (out_) return true;
  if (!IsSame()) return false;
  // Not nullptr: kernels before 2.6.9 read it, epoll_ctl(2).
  epoll_event ignored = {};
  out_ = epoll_ctl(poll_fd_, EPOLL_CTL_DEL, listener_, &ignored) == 0;
  return out_;
}

bool AcceptLine::Enter() {
  if (!out_) return true;
  if (IsSame()) {
    epoll_event event = {};
    event.events = exclusive_ ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN;
    event.data.fd = listener_;
    if (epoll_ctl(poll_fd_, EPOLL_CTL_ADD, listener_, &event) != 0 &&
        (errno == ENOMEM || errno == ENOSPC))
      return false;
  }
  stands_ = exclusive_;
  out_ = false;
  return true;
}

std::string WhyNoAcceptLine() {
  const std::string missing = LoopHook::Missing();
  if (!missing.empty()) return missing;
  if (access("/proc/self/fdinfo", X_OK) != 0)
    return "proc(5) is not mounted: whether libuv watches a listener cannot be seen";
  return "";
}

// A kernel that knows the flag refuses to change an entry that has it, epoll_ctl(2); an older one
// ignores it.
std::string WhyNoExclusiveAccept() {
  const std::string missing = WhyNoAcceptLine();
  if (!missing.empty()) return missing;
  const UniqueFd set(epoll_create1(EPOLL_CLOEXEC));
  const UniqueFd probe(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  const bool added = epoll_ctl(set.Get(), EPOLL_CTL_ADD, probe.Get(), &event) == 0;
  if (added && epoll_ctl(set.Get(), EPOLL_CTL_MOD, probe.Get(), &event) != 0 && errno == EINVAL)
    return "";
  return "EPOLLEXCLUSIVE, epoll_ctl(2), needs Linux 4.5";
}

}  // namespace prefork
