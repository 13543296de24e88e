// The child's side of a spawn that needs other ids, from fork(2) to posix_spawn(2) in place of
// execve(2); and the search for the file, which both ways have in common.
#pragma once

#include <spawn.h>
#include <sys/types.h>

#include "native/posix/exec_image.h"

namespace prefork {

// Prepared by the parent: its child may not allocate.
struct ChildPlan {
  const ExecImage* image;
  const posix_spawn_file_actions_t* actions;
  const posix_spawnattr_t* attributes;  // with POSIX_SPAWN_SETEXEC
  int error_pipe;
  const char* cwd;  // or null
  const gid_t* groups;
  int group_count;
  bool set_groups;
  bool set_gid;
  bool set_uid;
  gid_t gid;
  uid_t uid;
};

// posix_spawn(2) of the first candidate that can be executed, as execvp(3) looks for it. 0 or an
// errno; under POSIX_SPAWN_SETEXEC it does not return on success. Async-signal-safe.
int SpawnImage(pid_t* pid, const ExecImage& image, const posix_spawn_file_actions_t* actions,
               const posix_spawnattr_t* attributes);
// Ends in the new program or in _exit(2).
[[noreturn]] void RunChild(const ChildPlan& plan);

}  // namespace prefork
