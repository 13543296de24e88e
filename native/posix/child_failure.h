// The steps that may fail in a child between fork and exec. The child reports a failure to its
// parent through a pipe that exec closes.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "native/core/sys_error.h"
#include "native/posix/spawn.h"

namespace prefork {

enum class Step : std::int32_t {
  kFcntl,
  kDup2,
  kChdir,
  kSetgroups,
  kSetgid,
  kSetuid,
  kCapget,
  kCapset,
  kPrctl,
  kSetrlimit,
  kExecve,
  kPosixSpawn
};

// The message in the pipe: smaller than PIPE_BUF, hence whole or not at all, pipe(7).
struct ChildFailure {
  Step step;
  std::int32_t error;
};

// The exit code of a child that ends before exec: the one of a shell that does not find a command.
constexpr int kExitBeforeExec = 127;

// In the child: reports `errno` and ends the process. Async-signal-safe.
[[noreturn]] void FailChild(int error_pipe, Step step);
// In the parent, after its copy of the write end is closed. True when the child reported a failure;
// end-of-file means that exec closed the pipe.
bool ReadFailure(int error_pipe, ChildFailure& failure);
// Leaves no zombie of a child that failed.
void ReapFailed(pid_t pid);
// Names the step, and the file or directory.
SysError Explain(const ChildFailure& failure, const SpawnOptions& options);

}  // namespace prefork
