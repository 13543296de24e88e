// Reports the exits of all children of this addon, without SIGCHLD and without waitpid(-1): both
// would take exits away from child_process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "native/posix/process.h"

namespace prefork {

class ProcessWatch {
 public:
  // Called once per child, after the reap, on a thread of the watch; never again once Stop() has
  // returned.
  using Sink = std::function<void(std::uint64_t id, ProcessExit)>;

  // Starts the thread. Throws SysError.
  explicit ProcessWatch(Sink sink);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  // Throws SysError; the child is not watched then. `id` is not 0.
  void Add(std::uint64_t id, std::shared_ptr<Process> process);
  // Wakes and joins; nothing can be added from then on. The children live on. Idempotent. Main
  // thread only.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace prefork
