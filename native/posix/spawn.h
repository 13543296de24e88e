// Creates a process with inherited descriptors, without copying the memory of the caller (but for
// other ids on macOS, darwin/spawn.cc).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "native/posix/unique_fd.h"

namespace prefork {

struct SpawnOptions {
  std::string file;                // searched on the PATH of `env` when it has no slash
  std::vector<std::string> args;   // the whole argv
  std::vector<std::string> env;    // KEY=value
  std::optional<std::string> cwd;  // of the child
  std::vector<int>
      fds;  // descriptor i of the child is a duplicate of fds[i]; all others are closed
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::vector<gid_t>> groups;
  // The kernel kills the child when its parent dies. Without effect where it cannot, features.h.
  bool die_with_parent = false;
  // Appends LISTEN_PID=<pid of the child>. Without effect where the pid is not known before exec,
  // as in posix_spawn(2).
  bool listen_pid = false;
};

struct Spawned {
  pid_t pid;
  UniqueFd pidfd;  // empty where the system has or allows none
};

// Main thread only. Returns once exec succeeded. Throws SysError that names the step that failed:
// "clone", "chdir", "setuid", "execve", "posix_spawn"... and the file or directory. Nothing is left
// behind then, no process and no descriptor.
Spawned Spawn(const SpawnOptions& options);

// Remembers, once and before anything can change it, the RLIMIT_NOFILE that children get.
void RememberFileLimit();

}  // namespace prefork
