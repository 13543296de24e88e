// Facts of the kernel about one connection.
#pragma once

#include <cstdint>
#include <optional>

namespace prefork {

// Bytes that have arrived and were not read.
int BytesWaiting(int fd);
// Sends the end-of-file of a connection, and refuses what comes after it, unless bytes have arrived
// that were not read. Whether it did.
bool EndIfSilent(int fd);
// Linux. Milliseconds since bytes were last sent or received, or since the connection was made;
// nothing where the kernel does not report that (unix sockets).
std::optional<std::uint32_t> IdleTime(int fd);

}  // namespace prefork
