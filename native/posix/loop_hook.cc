#include "native/posix/loop_hook.h"

#include <utility>

#include "native/core/sys_error.h"
#include "native/posix/libuv.h"

namespace prefork {

std::string LoopHook::Missing() { return Uv().missing; }

LoopHook::LoopHook(uv_loop_s* loop, std::function<void()> before_poll)
    : handle_(NewUvHandle(kUvPrepare, this)),
      poll_fd_(Uv().backend_fd(loop)),
      before_poll_(std::move(before_poll)) {
  const int failed = Uv().prepare_init(loop, handle_);
  if (failed != 0) throw SysError(-failed, "uv_prepare_init");
}

void LoopHook::Start() {
  Uv().prepare_start(handle_,
                     [](UvHandle* self) { static_cast<LoopHook*>(self->data)->before_poll_(); });
  Uv().unref(handle_);
}

void LoopHook::Stop() { Uv().prepare_stop(handle_); }

}  // namespace prefork
