// How a worker sees that its master is alive: the part of MasterWatch that each system implements.
#pragma once

#include <cstdint>
#include <memory>

namespace prefork {

// The master, as the environment of its worker describes it.
struct MasterProcess {
  int pid;
  // This end of the control channel, or -1.
  int control_fd = -1;
  // Its CreationTime() of windows/process_handle.h, or 0. Only Windows reads it.
  std::uint64_t started = 0;
};

class SignsOfLife {
 public:
  SignsOfLife() = default;
  virtual ~SignsOfLife() = default;
  SignsOfLife(const SignsOfLife&) = delete;
  SignsOfLife& operator=(const SignsOfLife&) = delete;

  // Once, on the main thread, before the first Wait(). False for a master that is dead already.
  // Throws SysError when the system cannot watch the master.
  virtual bool Arm(const MasterProcess& master) = 0;
  // Sleeps for `timeout` ms (-1: for ever), or until Wake(), or until the master dies: true then. A
  // later call returns true again only for another sign of the same death. Thread of the watch.
  virtual bool Wait(int timeout) = 0;
  // Any thread.
  virtual void Wake() = 0;

  // Clears the signal that the kernel sends to this worker when its master dies, where there is one
  // that the worker itself can clear. `needs_proof`: only when the signs then show a living master.
  // Main thread only, because on Linux the signal belongs to a thread, prctl(2). Throws SysError.
  virtual void ClearDeathSignal(bool needs_proof) = 0;
};

// Throws SysError.
std::unique_ptr<SignsOfLife> MakeSignsOfLife();

}  // namespace prefork
