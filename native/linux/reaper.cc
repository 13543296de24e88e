#include "native/linux/reaper.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include <memory>
#include <string>
#include <vector>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

// So long libuv has to reap its own children.
constexpr std::chrono::seconds kTimeForLibuv(1);

// The first zombie, left as it is; 0 for none.
pid_t Peek(idtype_t type, pid_t pid) {
  siginfo_t info = {};
  if (waitid(type, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno == ECHILD) return 0;
    throw SysError(errno, "waitid");
  }
  return info.si_pid;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
struct CloseFile {
  void operator()(FILE* file) const { fclose(file); }
};

// waitid(2) shows only the first zombie, and one that libuv will reap would hide all the others.
// proc(5) lists the children of every thread; the result is empty where the kernel has no such list
// (CONFIG_PROC_CHILDREN).
std::vector<pid_t> ListChildren() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, CloseDirectory> tasks(opendir("/proc/self/task"));
  if (!tasks) return pids;
  while (const dirent* task = readdir(tasks.get())) {
    const std::string path = std::string("/proc/self/task/") + task->d_name + "/children";
    const std::unique_ptr<FILE, CloseFile> file(fopen(path.c_str(), "re"));
    int pid;
    while (file && fscanf(file.get(), "%d", &pid) == 1) pids.push_back(pid);
  }
  return pids;
}

}  // namespace

bool StrangerReaper::Reap(const std::unordered_set<pid_t>& own) {
  const pid_t first = Peek(P_ALL, 0);
  if (first == 0) {
    seen_.clear();
    return false;
  }
  std::vector<pid_t> children = ListChildren();
  const bool complete = !children.empty();
  if (!complete) children.push_back(first);
  const auto now = std::chrono::steady_clock::now();
  std::unordered_map<pid_t, std::chrono::steady_clock::time_point> still;
  for (const pid_t pid : children) {
    if (own.count(pid) != 0 || Peek(P_PID, pid) == 0) continue;
    const auto before = seen_.find(pid);
    const auto since = before == seen_.end() ? now : before->second;
    if (now - since < kTimeForLibuv) {
      still.emplace(pid, since);
    } else if (waitpid(pid, nullptr, WNOHANG) < 0 && errno != ECHILD) {
      throw SysError(errno, "waitpid");
    }
  }
  seen_ = std::move(still);
  // Without the list, a zombie of our own may hide strangers, and so may the one that this has just
  // reaped.
  return !seen_.empty() || !complete;
}

}  // namespace prefork
