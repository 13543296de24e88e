// What a service manager is sent, sd_notify(3): a datagram of words, and descriptors for it to keep.
#pragma once

#include <string>
#include <vector>

namespace prefork {

constexpr std::size_t kMostFdsInNotice = 64;

// `address` is NOTIFY_SOCKET: a path, or `@` and an abstract name. False when the manager has not
// read for long, or this process has no descriptor for its first notice: try again later. Never
// blocks. Throws SysError for everything else.
bool SendNotice(const std::string& address, const std::string& text, const std::vector<int>& fds);

}  // namespace prefork
