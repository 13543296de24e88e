// Runs between clone(CLONE_VM | CLONE_VFORK) and execve(2), in the memory and on the thread pointer
// of the suspended parent thread. So: no allocation, no lock, no exception, no stdio;
// async-signal-safe calls only, vfork(2). `errno` is the parent's; Spawn() saves and restores it.
#include "native/linux/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "native/posix/child_failure.h"

namespace prefork {
namespace {

// On 32-bit x86 and ARM the calls without "32" take 16-bit ids, setuid(2) "C library/kernel
// differences".
#ifdef SYS_setuid32
constexpr long kSetuid = SYS_setuid32;
constexpr long kSetgid = SYS_setgid32;
constexpr long kSetgroups = SYS_setgroups32;
#else
constexpr long kSetuid = SYS_setuid;
constexpr long kSetgid = SYS_setgid;
constexpr long kSetgroups = SYS_setgroups;
#endif
#ifdef SYS_close_range
constexpr long kCloseRange = SYS_close_range;
#else
constexpr long kCloseRange = 436;  // one number on every architecture since Linux 5.9
#endif

constexpr int kSignals = 64;
constexpr std::size_t kKernelSigsetSize = 8;
// Without close_range(2) and /proc a loop is all that is left. Above this number a descriptor
// without close-on-exec is less likely than a limit of 2^30 that would stall the master for
// minutes.
constexpr rlim_t kCloseLoopLimit = 1 << 20;

[[noreturn]] void Fail(const ChildPlan& plan, Step step) { FailChild(plan.error_pipe, step); }

void CloseListed(int first) {
  const int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) {
    struct rlimit limit;
    rlim_t end = kCloseLoopLimit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < end) end = limit.rlim_max;
    for (rlim_t fd = static_cast<rlim_t>(first); fd < end; ++fd) close(static_cast<int>(fd));
    return;
  }
  // opendir(3) allocates: read the raw records of getdents64(2) {u64 ino, s64 off, u16 length, u8
  // type, name}.
  alignas(8) char buffer[2048];
  for (;;) {
    const long size = syscall(SYS_getdents64, directory, buffer, sizeof buffer);
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      constexpr long kLengthAt = 16;
      constexpr long kNameAt = 19;
      std::uint16_t length;
      memcpy(&length, buffer + at + kLengthAt, sizeof length);
      int fd = 0;
      const char* digit = buffer + at + kNameAt;
      bool number = *digit != '\0';
      for (; *digit != '\0'; ++digit) {
        if (*digit < '0' || *digit > '9') {
          number = false;
          break;
        }
        fd = fd * 10 + (*digit - '0');
      }
      if (number && fd >= first && fd != directory) close(fd);
      at += length;
    }
  }
  close(directory);
}

// After this, 0..fd_count-1 are as promised, the error pipe is fd_count, and nothing else is open.
void PlaceDescriptors(ChildPlan& plan) {
  const int count = plan.fd_count;
  // A source below `count` that is not in its place yet would be overwritten before its turn, and
  // any permutation has such sources: lift them all above the targets first.
  for (int i = 0; i < count; ++i) {
    if (plan.fds[i] >= count || plan.fds[i] == i) continue;
    const int lifted = fcntl(plan.fds[i], F_DUPFD_CLOEXEC, count);
    if (lifted < 0) Fail(plan, Step::kFcntl);
    plan.fds[i] = lifted;
  }
  if (plan.error_pipe < count) {
    const int lifted = fcntl(plan.error_pipe, F_DUPFD_CLOEXEC, count);
    if (lifted < 0) Fail(plan, Step::kFcntl);
    plan.error_pipe = lifted;
  }
  for (int i = 0; i < count; ++i) {
    if (plan.fds[i] == i) {
      // dup2(2) of a descriptor onto itself does nothing, so it would keep close-on-exec.
      if (fcntl(i, F_SETFD, 0) != 0) Fail(plan, Step::kFcntl);
    } else if (dup2(plan.fds[i], i) < 0) {
      Fail(plan, Step::kDup2);
    }
  }
  if (plan.error_pipe != count) {
    // Every source has been copied: whatever sits at `count` may go.
    if (dup3(plan.error_pipe, count, O_CLOEXEC) < 0) Fail(plan, Step::kDup2);
    plan.error_pipe = count;
  }
  // ENOSYS before Linux 5.9, EPERM under a strict seccomp filter.
  if (syscall(kCloseRange, static_cast<unsigned>(count + 1), ~0U, 0U) != 0) CloseListed(count + 1);
}

// Raw calls: the wrappers of the C library broadcast to all threads of the process they believe to
// be in, nptl(7).
void DropPrivileges(const ChildPlan& plan) {
  if (plan.set_groups && syscall(kSetgroups, plan.group_count, plan.groups) != 0)
    Fail(plan, Step::kSetgroups);
  if (plan.set_gid && syscall(kSetgid, plan.gid) != 0) Fail(plan, Step::kSetgid);
  if (plan.set_uid && syscall(kSetuid, plan.uid) != 0) Fail(plan, Step::kSetuid);
}

// The kernel takes the capabilities of a process that goes from root to another user, and of no
// other: ambient ones (AmbientCapabilities= of systemd) would come through a change between two
// other users and through execve(2), and a worker could take every id again. Emptied sets empty the
// ambient one with them, capabilities(7). The sets of a worker that is root are left alone:
// execve(2) fills them anyway.
void DropCapabilities(const ChildPlan& plan) {
  if (!plan.set_groups && !plan.set_gid && !plan.set_uid) return;
  if (geteuid() == 0) return;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) != 0) Fail(plan, Step::kCapget);
  __u32 held = 0;
  for (__user_cap_data_struct& set : sets) {
    held |= set.permitted | set.inheritable;
    set = {};
  }
  // Nothing is left of root's: no filter has to allow the call.
  if (held != 0 && syscall(SYS_capset, &header, sets) != 0) Fail(plan, Step::kCapset);
}

// After DropPrivileges(): a change of ids clears the death signal, prctl(2).
void DieWithParent(const ChildPlan& plan) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) Fail(plan, Step::kPrctl);
  // The death signal never comes when the parent is dead already:
  //   parent clone | parent killed | child PR_SET_PDEATHSIG (too late)
  // The new parent may then be any process, not only pid 1; and a master may be pid 1 itself.
  if (syscall(SYS_getppid) != plan.parent) _exit(kExitBeforeExec);
}

// The kernel's struct sigaction, all zero, is SIG_DFL without flags on every architecture. Ignored
// signals would survive execve(2), handlers would not, but a handler of the parent must not run
// here either.
void ResetSignals() {
  alignas(8) const char default_action[64] = {};
  for (int signal = 1; signal <= kSignals; ++signal) {
    syscall(SYS_rt_sigaction, signal, default_action, nullptr, kKernelSigsetSize);
  }
  alignas(8) const char empty_mask[kKernelSigsetSize] = {};
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, empty_mask, nullptr, kKernelSigsetSize);
}

void WritePid(char* digits) {
  char reversed[20];
  int count = 0;
  for (long pid = syscall(SYS_getpid); pid > 0; pid /= 10)
    reversed[count++] = static_cast<char>('0' + pid % 10);
  while (count > 0) *digits++ = reversed[--count];
  *digits = '\0';
}

}  // namespace

int RunChild(void* argument) {
  ChildPlan& plan = *static_cast<ChildPlan*>(argument);
  PlaceDescriptors(plan);
  if (plan.cwd != nullptr && chdir(plan.cwd) != 0) Fail(plan, Step::kChdir);
  DropPrivileges(plan);
  DropCapabilities(plan);
  if (plan.die_with_parent) DieWithParent(plan);
  // Late: a lower limit would refuse the descriptors above.
  if (plan.set_file_limit && setrlimit(RLIMIT_NOFILE, &plan.file_limit) != 0)
    Fail(plan, Step::kSetrlimit);
  if (plan.image->ListenPidDigits() != nullptr) WritePid(plan.image->ListenPidDigits());
  ResetSignals();
  plan.tries_exec = true;
  const ExecImage& image = *plan.image;
  errno = TryCandidates(image, [&image](const char* file, char* const* argv) {
    execve(file, argv, image.Envp());
    return errno;
  });
  Fail(plan, Step::kExecve);
}

}  // namespace prefork
