// RunChild() runs in the child of a process with many threads: async-signal-safe calls only,
// fork(2). posix_spawn(2) is one: the library passes the prepared data to one system call.
#include "native/darwin/spawn_child.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "native/posix/child_failure.h"

namespace prefork {
namespace {

// A handler of the parent must not run in the child. The parent has blocked all signals, but a
// posix_spawn(2) that fails has unblocked them.
void ResetSignals() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    // EINVAL for SIGKILL and SIGSTOP, which have no other disposition.
    sigaction(signal, &action, nullptr);
  }
}

// Groups need the privilege that the user id takes away, setuid(2).
void DropPrivileges(const ChildPlan& plan) {
  if (plan.set_groups && setgroups(plan.group_count, plan.groups) != 0)
    FailChild(plan.error_pipe, Step::kSetgroups);
  if (plan.set_gid && setgid(plan.gid) != 0) FailChild(plan.error_pipe, Step::kSetgid);
  if (plan.set_uid && setuid(plan.uid) != 0) FailChild(plan.error_pipe, Step::kSetuid);
}

}  // namespace

int SpawnImage(pid_t* pid, const ExecImage& image, const posix_spawn_file_actions_t* actions,
               const posix_spawnattr_t* attributes) {
  return TryCandidates(image, [&](const char* file, char* const* argv) {
    return posix_spawn(pid, file, actions, attributes, argv, image.Envp());
  });
}

void RunChild(const ChildPlan& plan) {
  ResetSignals();
  // With the parent's ids, as on Linux: the new ones may not see the directory.
  if (plan.cwd != nullptr && chdir(plan.cwd) != 0) FailChild(plan.error_pipe, Step::kChdir);
  DropPrivileges(plan);
  // The actions of a candidate that failed have been done in this process. Doing them again for the
  // next one changes nothing: no source is a target of another (darwin/spawn.cc).
  errno = SpawnImage(nullptr, *plan.image, plan.actions, plan.attributes);
  FailChild(plan.error_pipe, Step::kPosixSpawn);
}

}  // namespace prefork
