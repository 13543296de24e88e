#include "native/posix/exec_image.h"

namespace prefork {
namespace {

constexpr char kDefaultPath[] = "/usr/local/bin:/bin:/usr/bin";
constexpr char kShell[] = "/bin/sh";
constexpr char kListenPid[] = "LISTEN_PID=";
constexpr std::size_t kPidDigits = 20;  // more than any pid has

// exec*(2) takes `char* const[]` for historical reasons and does not write to the strings,
// execve(3p).
char* Mutable(const std::string& text) { return const_cast<char*>(text.c_str()); }

// The PATH that the child will have, not the caller's.
std::string SearchPath(const std::vector<std::string>& env) {
  constexpr char kPrefix[] = "PATH=";
  for (const std::string& entry : env) {
    if (entry.compare(0, sizeof kPrefix - 1, kPrefix) == 0) return entry.substr(sizeof kPrefix - 1);
  }
  return kDefaultPath;
}

std::vector<std::string> FindCandidates(const SpawnOptions& options) {
  if (options.file.empty() || options.file.find('/') != std::string::npos) return {options.file};
  std::vector<std::string> found;
  const std::string path = SearchPath(options.env);
  for (std::size_t start = 0;;) {
    const std::size_t end = path.find(':', start);
    const std::string directory = path.substr(start, end == std::string::npos ? end : end - start);
    // An empty element means the current directory, environ(7).
    found.push_back(directory.empty() ? options.file : directory + "/" + options.file);
    if (end == std::string::npos) return found;
    start = end + 1;
  }
}

}  // namespace

ExecImage::ExecImage(const SpawnOptions& options, bool listen_pid)
    : candidates_(FindCandidates(options)) {
  for (const std::string& candidate : candidates_)
    candidate_pointers_.push_back(Mutable(candidate));
  candidate_pointers_.push_back(nullptr);

  shell_argv_ = {const_cast<char*>(kShell), nullptr};
  for (std::size_t i = 0; i < options.args.size(); ++i) {
    argv_.push_back(Mutable(options.args[i]));
    if (i > 0) shell_argv_.push_back(Mutable(options.args[i]));
  }
  argv_.push_back(nullptr);
  shell_argv_.push_back(nullptr);

  for (const std::string& entry : options.env) envp_.push_back(Mutable(entry));
  if (listen_pid) {
    listen_pid_ = kListenPid + std::string(kPidDigits, '\0');
    envp_.push_back(&listen_pid_[0]);
    listen_pid_digits_ = &listen_pid_[sizeof kListenPid - 1];
  }
  envp_.push_back(nullptr);
}

}  // namespace prefork
