// Everything that execve(2) needs, laid out by the parent before the spawn: its child may not
// allocate.
#pragma once

#include <errno.h>

#include <string>
#include <vector>

#include "native/posix/spawn.h"

namespace prefork {

class ExecImage {
 public:
  // `listen_pid`: keep room for it at the end of the environment.
  ExecImage(const SpawnOptions& options, bool listen_pid);
  ExecImage(const ExecImage&) = delete;
  ExecImage& operator=(const ExecImage&) = delete;

  // Files to try in order, as execvpe(3) does; null-terminated.
  char* const* Candidates() const { return candidate_pointers_.data(); }
  char* const* Argv() const { return argv_.data(); }
  char* const* Envp() const { return envp_.data(); }
  // {"/bin/sh", <slot>, args...}: for a script without an interpreter line, execvp(3). The slot
  // takes the candidate.
  char** ShellArgv() const { return const_cast<char**>(shell_argv_.data()); }
  // Where the child writes the digits of its pid, terminator included; null without `listen_pid`.
  char* ListenPidDigits() const { return listen_pid_digits_; }

 private:
  std::vector<std::string> candidates_;
  std::string listen_pid_;
  std::vector<char*> candidate_pointers_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
  std::vector<char*> shell_argv_;
  char* listen_pid_digits_ = nullptr;
};

// As execvpe(3): the search goes on after a missing or a forbidden file, but after a forbidden one
// it answers EACCES. `attempt(file, argv)` returns an errno, or 0 for success, which ends the
// search, as any other error does. Allocates nothing: a child calls it, too.
template <typename Attempt>
int TryCandidates(const ExecImage& image, Attempt attempt) {
  bool forbidden = false;
  int error = ENOENT;
  for (char* const* candidate = image.Candidates(); *candidate != nullptr; ++candidate) {
    error = attempt(*candidate, image.Argv());
    if (error == ENOEXEC) {
      char** shell = image.ShellArgv();
      shell[1] = *candidate;
      error = attempt(shell[0], shell);
    }
    switch (error) {
      case EACCES:
        forbidden = true;
        break;
      case ENOENT:
      case ENOTDIR:
      case ESTALE:
      case ENODEV:
      case ETIMEDOUT:
        break;
      default:
        return error;
    }
  }
  return forbidden ? EACCES : error;
}

}  // namespace prefork
