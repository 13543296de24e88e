// The parent's side of a spawn. posix_spawn(2) is a system call here: it neither copies the memory
// of the caller nor shares it, so it costs the same in a small and in a large master. It has no
// public attribute for other ids: those take a fork(2), as in libuv (src/unix/process.c), which
// stalls a large master for as long as copying its page tables takes.
#include "native/posix/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "native/core/sys_error.h"
#include "native/darwin/spawn_child.h"
#include "native/posix/child_failure.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

// Throws what posix_spawn*(3) return.
void Check(int error, const char* syscall) {
  if (error != 0) throw SysError(error, syscall);
}

class FileActions {
 public:
  FileActions() { Check(posix_spawn_file_actions_init(&raw_), "posix_spawn_file_actions_init"); }
  ~FileActions() { posix_spawn_file_actions_destroy(&raw_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  const posix_spawn_file_actions_t* Get() const { return &raw_; }
  void Give(int source, int target) {
    // A duplicate of a descriptor onto itself would keep close-on-exec, dup2(2).
    if (source == target)
      Check(posix_spawn_file_actions_addinherit_np(&raw_, target),
            "posix_spawn_file_actions_addinherit_np");
    else
      Check(posix_spawn_file_actions_adddup2(&raw_, source, target),
            "posix_spawn_file_actions_adddup2");
  }
  void ChangeDirectory(const std::string& path) {
    Check(posix_spawn_file_actions_addchdir_np(&raw_, path.c_str()),
          "posix_spawn_file_actions_addchdir_np");
  }

 private:
  posix_spawn_file_actions_t raw_;
};

// No signal is ignored or blocked in the child, and no descriptor is open in it but for those that
// the actions name, posix_spawnattr_setflags(3).
class Attributes {
 public:
  explicit Attributes(short more_flags) {
    Check(posix_spawnattr_init(&raw_), "posix_spawnattr_init");
    sigset_t signals;
    sigfillset(&signals);
    // Setting these two is EINVAL, sigaction(2).
    sigdelset(&signals, SIGKILL);
    sigdelset(&signals, SIGSTOP);
    int error = posix_spawnattr_setsigdefault(&raw_, &signals);
    sigemptyset(&signals);
    if (error == 0) error = posix_spawnattr_setsigmask(&raw_, &signals);
    constexpr short kFlags =
        POSIX_SPAWN_CLOEXEC_DEFAULT | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (error == 0)
      error = posix_spawnattr_setflags(&raw_, static_cast<short>(kFlags | more_flags));
    if (error == 0) return;
    posix_spawnattr_destroy(&raw_);
    throw SysError(error, "posix_spawnattr_setflags");
  }
  ~Attributes() { posix_spawnattr_destroy(&raw_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  const posix_spawnattr_t* Get() const { return &raw_; }

 private:
  posix_spawnattr_t raw_;
};

UniqueFd DuplicateFrom(int fd, int lowest) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, lowest));
  if (!copy) throw SysError(errno, "fcntl");
  return copy;
}

// Which descriptor becomes which. Sources below the targets that are not in their place yet would
// be overwritten before their turn, and any permutation has such sources: they are duplicated above
// all targets, in this process, because the actions know dup2(2) only.
class Placement {
 public:
  Placement(const std::vector<int>& sources, FileActions& actions) {
    const int count = static_cast<int>(sources.size());
    for (int target = 0; target < count; ++target) {
      int source = sources[static_cast<std::size_t>(target)];
      if (fcntl(source, F_GETFD) < 0) throw SysError(errno, "fcntl");
      if (source != target && source < count) {
        lifted_.push_back(DuplicateFrom(source, count));
        source = lifted_.back().Get();
      }
      actions.Give(source, target);
    }
  }

 private:
  std::vector<UniqueFd> lifted_;  // until the child has its copies
};

class SignalBlock {
 public:
  SignalBlock() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~SignalBlock() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;

 private:
  sigset_t old_;
};

// What setgroups(2) takes. The first group of the list *is* the effective group id, and setgid(2)
// puts its own in that place: without it in front, one group would be lost, and setgroups(2) cannot
// express an empty list.
std::vector<gid_t> GroupList(const std::vector<gid_t>& groups, gid_t effective) {
  std::vector<gid_t> list = {effective};
  for (const gid_t group : groups) {
    if (std::find(list.begin(), list.end(), group) == list.end()) list.push_back(group);
  }
  return list;
}

// posix_spawn(2) does not say which of its steps failed.
ChildFailure FindStep(int error, const SpawnOptions& options) {
  struct stat info;
  if (options.cwd) {
    if (stat(options.cwd->c_str(), &info) != 0) return {Step::kChdir, errno};
    if (!S_ISDIR(info.st_mode)) return {Step::kChdir, ENOTDIR};
    if (access(options.cwd->c_str(), X_OK) != 0) return {Step::kChdir, errno};
  }
  return {Step::kPosixSpawn, error};
}

pid_t SpawnPlain(const SpawnOptions& options, const ExecImage& image, FileActions& actions) {
  if (options.cwd) actions.ChangeDirectory(*options.cwd);
  const Attributes attributes(0);
  pid_t pid = -1;
  const int error = SpawnImage(&pid, image, actions.Get(), attributes.Get());
  if (error != 0) throw Explain(FindStep(error, options), options);
  return pid;
}

pid_t SpawnWithIds(const SpawnOptions& options, const ExecImage& image, FileActions& actions) {
  const Attributes attributes(POSIX_SPAWN_SETEXEC);
  auto [read_end, write_end] = MakePipe();
  // Above the targets, which the actions overwrite.
  UniqueFd error_pipe = DuplicateFrom(write_end.Get(), static_cast<int>(options.fds.size()));
  write_end.Reset();

  ChildPlan plan = {};
  plan.image = &image;
  plan.actions = actions.Get();
  plan.attributes = attributes.Get();
  plan.error_pipe = error_pipe.Get();
  plan.cwd = options.cwd ? options.cwd->c_str() : nullptr;
  std::vector<gid_t> groups;
  plan.set_groups = options.groups.has_value();
  if (options.groups) groups = GroupList(*options.groups, options.gid.value_or(getegid()));
  plan.groups = groups.data();
  plan.group_count = static_cast<int>(groups.size());
  plan.set_gid = options.gid.has_value();
  plan.gid = options.gid.value_or(0);
  plan.set_uid = options.uid.has_value();
  plan.uid = options.uid.value_or(0);

  pid_t pid;
  int error;
  {
    const SignalBlock blocked;
    pid = fork();
    error = errno;
    if (pid == 0) RunChild(plan);
  }
  if (pid < 0) throw SysError(error, "fork");
  error_pipe.Reset();
  ChildFailure failure;
  if (ReadFailure(read_end.Get(), failure)) {
    ReapFailed(pid);
    throw Explain(failure, options);
  }
  return pid;
}

}  // namespace

// Node raises its soft limit to the hard one at start, and here no process can ask for the limits
// of another: children get those of the master, as from child_process.
void RememberFileLimit() {}

Spawned Spawn(const SpawnOptions& options) {
  const ExecImage image(options, false);
  FileActions actions;
  const Placement placement(options.fds, actions);
  const bool other_ids = options.uid || options.gid || options.groups;
  return {other_ids ? SpawnWithIds(options, image, actions) : SpawnPlain(options, image, actions),
          UniqueFd()};
}

}  // namespace prefork
