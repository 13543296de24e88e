// The child's side of a spawn: from clone(2) to execve(2).
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>

#include "native/posix/exec_image.h"

namespace prefork {

// The parent prepares this in its own memory, which the child shares. The child writes only where a
// comment says so.
struct ChildPlan {
  const ExecImage* image;
  int* fds;  // scratch copy of the sources; the child lifts entries
  int fd_count;
  int error_pipe;
  const char* cwd;      // or null
  const gid_t* groups;  // or null
  std::size_t group_count;
  bool set_groups;
  bool set_gid;
  bool set_uid;
  gid_t gid;
  uid_t uid;
  bool die_with_parent;
  pid_t parent;
  bool set_file_limit;
  struct rlimit file_limit;
  // Written by the child, last of all. In the parent it stays false where clone(2) has copied the
  // memory, and when the child was killed before.
  volatile bool tries_exec;
};

// Never returns to its caller in a useful way: it ends in execve(2) or _exit(2).
int RunChild(void* plan);

}  // namespace prefork
