// Descriptors from process to process, unix(7) SCM_RIGHTS, over a socketpair that only this code
// reads: a net.Socket of Node drops descriptors that it does not expect.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "native/posix/unique_fd.h"

namespace prefork {

constexpr std::size_t kMostFdsInMessage = 64;

enum class SendResult { kSent, kFull, kGone };

struct FdMessage {
  std::uint32_t tag;
  std::vector<UniqueFd> fds;
};

// A connected, non-blocking pair that keeps the borders of messages.
std::pair<UniqueFd, UniqueFd> MakeFdChannel();
// One message, whole or not at all; the sender keeps its descriptors. Never blocks. Throws SysError
// for what no second attempt would cure.
SendResult SendFds(int channel, std::uint32_t tag, const std::vector<int>& fds);
// Nothing when no message waits, also after the other end was closed. Never blocks. Throws SysError
// when a message came without all of its descriptors; those that came are closed.
std::optional<FdMessage> ReceiveFds(int channel);

}  // namespace prefork
