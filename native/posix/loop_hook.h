// A function that libuv calls in every turn of an event loop, right before it polls.
#pragma once

#include <functional>
#include <string>

struct uv_loop_s;

namespace prefork {

struct UvHandle;

class LoopHook {
 public:
  // Which function this runtime lacks, in words; empty when it has all.
  static std::string Missing();

  // Of the thread's own loop. Lives as long as the process: closing a handle takes another turn.
  LoopHook(uv_loop_s* loop, std::function<void()> before_poll);
  LoopHook(const LoopHook&) = delete;
  LoopHook& operator=(const LoopHook&) = delete;

  // uv_backend_fd().
  int poll_fd() const { return poll_fd_; }
  // Idempotent. A hook does not keep the loop alive.
  void Start();
  void Stop();

 private:
  UvHandle* handle_;
  int poll_fd_;
  std::function<void()> before_poll_;
};

}  // namespace prefork
