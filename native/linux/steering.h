// Which sockets of a SO_REUSEPORT group get new connections. The kernel decides for each
// connection, by a program without state: no process has to run for that.
#pragma once

#include <cstdint>
#include <vector>

namespace prefork {

// The longest program, one with holes at every second index, just fits into BPF_MAXINSNS.
constexpr std::uint32_t kMostSteered = 4092;

// Spreads the new connections of the group of the listener `fd` evenly over its members `live`,
// out of `size`; over all of them when `live` is empty. Replaces the program in force in one step;
// connections that are queued already stay where they are. Throws SysError.
void Steer(int fd, std::vector<std::uint32_t> live, std::uint32_t size);
// Whether the kernel takes such a program, on a throw-away socket that is not bound: 0, or -1 with
// errno.
int TrySteering(int fd);

}  // namespace prefork
