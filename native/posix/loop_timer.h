// One wake-up of an event loop after some time.
#pragma once

#include <chrono>

struct uv_loop_s;

namespace prefork {

struct UvHandle;

// Lives as long as the process, as LoopHook does. It only wakes the loop: the hook acts before the
// poll that follows.
class LoopTimer {
 public:
  explicit LoopTimer(uv_loop_s* loop);
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

  // Another call moves the time. Does not keep the loop alive.
  void Start(std::chrono::milliseconds after);
  void Stop();
  // Whether the time of the last Start() has come; once.
  bool Fired();

 private:
  uv_loop_s* loop_;
  UvHandle* handle_;
  bool fired_ = false;
};

}  // namespace prefork
