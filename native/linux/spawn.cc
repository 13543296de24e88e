// The parent's side of a spawn. clone(CLONE_VM | CLONE_VFORK) never copies page tables, so it costs
// the same in a small and in a large master; fork(2) of 2 GB stalls it for 50-140 ms.
#include "native/posix/spawn.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "native/core/sys_error.h"
#include "native/linux/pidfd.h"
#include "native/linux/spawn_child.h"
#include "native/posix/child_failure.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

#ifndef CLONE_PIDFD
constexpr int CLONE_PIDFD = 0x1000;
#endif
constexpr std::size_t kKernelSigsetSize = 8;
constexpr std::size_t kStackSize = 64 * 1024;

// The child runs on a stack of its own, because it shares the memory of a parent that goes on using
// this one. Kept between spawns, which are on one thread and one at a time.
class ChildStack {
 public:
  // Throws SysError.
  static char* Top() {
    static char* top = nullptr;
    if (top == nullptr) top = Map();
    return top;
  }

 private:
  static char* Map() {
    const auto guard = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* memory = mmap(nullptr, kStackSize + guard, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) throw SysError(errno, "mmap");
    // Stacks grow down on every architecture that Node runs on: an overflow meets this page.
    if (mprotect(memory, guard, PROT_NONE) != 0) {
      const int error = errno;
      munmap(memory, kStackSize + guard);
      throw SysError(error, "mprotect");
    }
    return static_cast<char*>(memory) + guard + kStackSize;
  }
};

// Blocks every signal, those of the C library included: a handler of the parent that ran in the
// child would run in the parent's memory. pthread_sigmask(3) silently leaves two of them out.
class SignalBlock {
 public:
  SignalBlock() { syscall(SYS_rt_sigprocmask, SIG_SETMASK, kAll, old_, kKernelSigsetSize); }
  ~SignalBlock() { syscall(SYS_rt_sigprocmask, SIG_SETMASK, old_, nullptr, kKernelSigsetSize); }
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;

 private:
  alignas(8) static constexpr unsigned char kAll[kKernelSigsetSize] = {0xff, 0xff, 0xff, 0xff,
                                                                       0xff, 0xff, 0xff, 0xff};
  alignas(8) unsigned char old_[kKernelSigsetSize] = {};
};

// Dropping ids in the child makes the *parent* non-dumpable, because they share one mm, prctl(2)
// PR_SET_DUMPABLE: no core dumps and no /proc/self for an unprivileged master from then on.
class DumpableKeeper {
 public:
  DumpableKeeper() : before_(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)) {}
  ~DumpableKeeper() {
    // Only 1 can be given back: 2 cannot be set by hand, and 0 needs nothing.
    if (before_ == 1 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  }
  DumpableKeeper(const DumpableKeeper&) = delete;
  DumpableKeeper& operator=(const DumpableKeeper&) = delete;

 private:
  const int before_;
};

struct FileLimit {
  bool known;
  struct rlimit value;
};
FileLimit g_file_limit = {false, {}};

// Whether bytes are there now. True also when poll(2) fails; POLLHUP alone does not count.
bool IsReadable(int fd) {
  pollfd asked = {fd, POLLIN, 0};
  return poll(&asked, 1, 0) < 0 || (asked.revents & POLLIN) != 0;
}

// Returns the pid; throws SysError("clone").
pid_t Clone(ChildPlan& plan, UniqueFd& pidfd) {
  char* stack = ChildStack::Top();
  const DumpableKeeper dumpable;
  const SignalBlock blocked;
  constexpr int kFlags = CLONE_VM | CLONE_VFORK | SIGCHLD;
  int raw_pidfd = -1;
  const pid_t pid = clone(RunChild, stack, kFlags | CLONE_PIDFD, &plan, &raw_pidfd);
  if (pid >= 0) {
    // Kernels before 5.2 ignore the flag and leave -1.
    pidfd.Reset(raw_pidfd);
    return pid;
  }
  // EINVAL: an emulator that does not know the flag. EPERM, EACCES, ENOSYS: a seccomp filter. All
  // the others would fail again.
  if (errno == EINVAL || errno == EPERM || errno == EACCES || errno == ENOSYS) {
    const pid_t second = clone(RunChild, stack, kFlags, &plan);
    if (second >= 0) return second;
  }
  throw SysError(errno, "clone");
}

}  // namespace

// Node raises its soft limit to the hard one at start and keeps no record. A parent that has the
// same hard limit and a lower soft one is very likely the process that this one got its limits
// from. When the parent does not show that (it belongs to another user, or is a Node process
// itself), children get the current limit.
void RememberFileLimit() {
  if (g_file_limit.known) return;
  struct rlimit own;
  struct rlimit inherited;
  const pid_t parent = getppid();
  // prlimit(0) would mean this process: pid 0 is a parent outside the pid namespace.
  if (parent <= 0 || getrlimit(RLIMIT_NOFILE, &own) != 0) return;
  if (prlimit(parent, RLIMIT_NOFILE, nullptr, &inherited) != 0) return;
  if (own.rlim_cur != own.rlim_max || inherited.rlim_max != own.rlim_max) return;
  if (inherited.rlim_cur < own.rlim_cur) g_file_limit = {true, inherited};
}

Spawned Spawn(const SpawnOptions& options) {
  const ExecImage image(options, options.listen_pid);
  std::vector<int> fds = options.fds;
  // A pipe although the child shares our memory: emulators (qemu-user, valgrind) turn vfork into
  // fork, and then only a pipe carries the answer.
  auto [read_end, write_end] = MakePipe();

  ChildPlan plan = {};
  plan.image = &image;
  plan.fds = fds.data();
  plan.fd_count = static_cast<int>(fds.size());
  plan.error_pipe = write_end.Get();
  plan.cwd = options.cwd ? options.cwd->c_str() : nullptr;
  plan.set_groups = options.groups.has_value();
  if (options.groups) {
    plan.groups = options.groups->data();
    plan.group_count = options.groups->size();
  }
  plan.set_gid = options.gid.has_value();
  plan.gid = options.gid.value_or(0);
  plan.set_uid = options.uid.has_value();
  plan.uid = options.uid.value_or(0);
  plan.die_with_parent = options.die_with_parent;
  plan.parent = getpid();
  plan.set_file_limit = g_file_limit.known;
  plan.file_limit = g_file_limit.value;

  UniqueFd pidfd;
  const pid_t pid = Clone(plan, pidfd);
  write_end.Reset();
  ChildFailure failure;
  // A child that has tried to exec has written its failure already, or never will. Waiting for
  // end-of-file would mean waiting until the child is scheduled again: exec resumes the parent
  // before it closes descriptors.
  const bool may_fail = !plan.tries_exec || IsReadable(read_end.Get());
  if (may_fail && ReadFailure(read_end.Get(), failure)) {
    ReapFailed(pid);
    throw Explain(failure, options);
  }
  // Not reaped yet, so the pid is still this child's.
  if (!pidfd) pidfd.Reset(OpenPidfd(pid));
  return {pid, std::move(pidfd)};
}

}  // namespace prefork
