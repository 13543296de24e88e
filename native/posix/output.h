// Writes to descriptors 0-2, which a process shares with others that it does not know.
#pragma once

#include <cstddef>

#include "native/posix/unique_fd.h"

namespace prefork {

// Writes what the descriptor takes at once, without waiting for its reader and without relying on
// O_NONBLOCK: the flag belongs to the open file description, and every process that shares it may
// set and clear it. Returns how many bytes the descriptor took, 0 when it is full. It waits only
// for the disk behind a regular file.
std::size_t WriteNow(int fd, const char* data, std::size_t size);

// Puts /dev/null in the place of those of 0-2 that are a terminal which has hung up. False: one is
// left, because the process has no free descriptor.
bool ReplaceDeadTerminals();

// For a process that is about to end and prints the reason synchronously. Gives the reader behind a
// full stderr a second, and then puts /dev/null in the place of stderr.
void ReplaceFullStderr();

// Each system implements the following.

// write(2) that does not wait whatever the mode of the description is. -1 with EOPNOTSUPP in errno:
// the kernel has no such call for this file.
ssize_t WriteWithoutWaiting(int fd, const char* data, std::size_t size);
// A non-blocking description of the file behind `fd` that no other process has; none with errno
// when the system refuses, and EOPNOTSUPP where it cannot give one.
UniqueFd ReopenForWriting(int fd);

}  // namespace prefork
