#include "native/posix/loop_timer.h"

#include <utility>

#include "native/core/sys_error.h"
#include "native/posix/libuv.h"

namespace prefork {

LoopTimer::LoopTimer(uv_loop_s* loop) : loop_(loop), handle_(NewUvHandle(kUvTimer, this)) {
  const int failed = Uv().timer_init(loop, handle_);
  if (failed != 0) throw SysError(-failed, "uv_timer_init");
}

void LoopTimer::Start(std::chrono::milliseconds after) {
  fired_ = false;
  // libuv counts from the beginning of the turn, which may be long ago after slow handlers.
  Uv().update_time(loop_);
  Uv().timer_start(
      handle_, [](UvHandle* self) { static_cast<LoopTimer*>(self->data)->fired_ = true; },
      static_cast<std::uint64_t>(after.count()), 0);
  Uv().unref(handle_);
}

void LoopTimer::Stop() {
  fired_ = false;
  Uv().timer_stop(handle_);
}

bool LoopTimer::Fired() { return std::exchange(fired_, false); }

}  // namespace prefork
