// Making and marking descriptors. Everything made here is close-on-exec.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "native/posix/unique_fd.h"

namespace prefork {

// A non-blocking socket, socket(2).
UniqueFd OpenSocket(int domain, int type);
// A connected pair of unix stream sockets; they block until their owner says otherwise.
std::pair<UniqueFd, UniqueFd> MakeSocketPair();
// [read, write].
std::pair<UniqueFd, UniqueFd> MakePipe();

// /dev/null, for reading and writing.
UniqueFd OpenNull();

// Never lands on 0-2, even in a process whose stdio is closed.
UniqueFd Duplicate(int fd);
// Reports what close(2) says, EBADF above all: a descriptor closed twice is a bug of the caller.
void CloseFd(int fd);
void SetCloseOnExec(int fd);
// Sets O_NONBLOCK; returns whether it was set before.
bool SetNonBlocking(int fd);

// Whether this process has a controlling terminal.
bool HasControllingTerminal();

// An exclusive flock(2) on a file that is created when missing; nothing when another open file
// holds it.
std::optional<UniqueFd> LockFile(const std::string& path);

}  // namespace prefork
