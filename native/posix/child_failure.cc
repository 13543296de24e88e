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
    case Step::kCapget:
      return "capget";
    case Step::kCapset:
      return "capset";
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

const char* WayOutOfExec(int error, const std::string& file) {
  switch (error) {
    case ENOENT:
      return file.find('/') == std::string::npos
                 ? "not found on the PATH of the worker's environment"
                 : "the file, or the interpreter that its first line names, is gone";
    case EACCES:
      return "the user of the workers may not execute it: chmod +x, open up its folders, or mount "
             "its file system without noexec";
    case ETXTBSY:
      return "another process has it open to write: copy a new program beside it, then rename it";
    default:
      return "";
  }
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
  if (failure.step == Step::kChdir) {
    return error.On(options.cwd.value_or(""))
        .Advise("a worker begins there: the folder must exist, and be open to its user");
  }
  error.On(options.file);
  if (failure.step == Step::kExecve || failure.step == Step::kPosixSpawn)
    error.Advise(WayOutOfExec(failure.error, options.file));
  if (failure.error == EPERM && (failure.step == Step::kSetgroups ||
                                 failure.step == Step::kSetgid || failure.step == Step::kSetuid)) {
    error.Advise("only a privileged master may change the ids of its workers");
  }
  if (failure.step == Step::kCapget || failure.step == Step::kCapset) {
    error.Advise(
        "a worker with ids of its own gives up the capabilities of its master: a filter of system "
        "calls has to allow capget(2) and capset(2)");
  }
  return error;
}

}  // namespace prefork
