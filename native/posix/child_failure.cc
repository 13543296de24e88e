#include "native/posix/child_failure.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

namespace prefork {
namespace {

const char* StepName(Step step) {
  switch (step) {
    case Step::kFcntl:
      return "fcntl";
    case Step::kDup2:
      return "dup2";
    case Step::kChdir:
      return "chdir";
    case Step::kSetgroups:
      return "setgroups";
    case Step::kSetgid:
      return "setgid";
    case Step::kSetuid:
      return "setuid";
    case Step::kPrctl:
      return "prctl";
    case Step::kSetrlimit:
      return "setrlimit";
    case Step::kPosixSpawn:
      return "posix_spawn";
    case Step::kExecve:
      break;
  }
  return "execve";
}

}  // namespace

void FailChild(int error_pipe, Step step) {
  const ChildFailure failure = {step, errno};
  ssize_t written;
  do {
    written = write(error_pipe, &failure, sizeof failure);
  } while (written < 0 && errno == EINTR);
  _exit(kExitBeforeExec);
}

bool ReadFailure(int error_pipe, ChildFailure& failure) {
  ssize_t size;
  do {
    size = read(error_pipe, &failure, sizeof failure);
  } while (size < 0 && errno == EINTR);
  return size == static_cast<ssize_t>(sizeof failure);
}

void ReapFailed(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

SysError Explain(const ChildFailure& failure, const SpawnOptions& options) {
  SysError error(failure.error, StepName(failure.step));
  if (failure.step == Step::kChdir) return error.On(options.cwd.value_or(""));
  error.On(options.file);
  const bool exec = failure.step == Step::kExecve || failure.step == Step::kPosixSpawn;
  if (exec && failure.error == ENOENT && options.file.find('/') == std::string::npos) {
    error.Advise("not found on the PATH of the worker's environment");
  }
  if (failure.error == EPERM && (failure.step == Step::kSetgroups ||
                                 failure.step == Step::kSetgid || failure.step == Step::kSetuid)) {
    error.Advise("only a privileged master may change the ids of its workers");
  }
  return error;
}

}  // namespace prefork
