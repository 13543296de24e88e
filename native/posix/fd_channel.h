// Descriptors from process to process, unix(7) SCM_RIGHTS, over a socketpair that only this code
// reads: a net.Socket of Node drops descriptors that it does not expect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "native/posix/unique_fd.h"

namespace prefork {

constexpr std::size_t kMostFdsInMessage = 64;
// Bytes. Of a message that carries words beside descriptors, or instead of them.
constexpr std::size_t kLongestText = 8 * 1024;

enum class SendResult { kSent, kFull, kGone };

struct FdMessage {
  std::uint32_t tag;
  std::string text;
  std::vector<UniqueFd> fds;
};

// A connected, non-blocking pair, for the functions below alone.
std::pair<UniqueFd, UniqueFd> MakeFdChannel();
// One message, whole or not at all; the sender keeps its descriptors. Never blocks. Throws SysError
// for what no second attempt would cure.
SendResult SendFds(int channel, std::uint32_t tag, const std::string& text,
                   const std::vector<int>& fds);
// Nothing when no message waits, also after the other end was closed. Never blocks. Throws SysError
// when a message came without all of its descriptors; those that came are closed.
std::optional<FdMessage> ReceiveFds(int channel);
// Blocks until a message waits, the other end is closed, or so many milliseconds have passed.
void AwaitFds(int channel, int timeout);

}  // namespace prefork
