#include <dlfcn.h>
#include <errno.h>

#include <new>
#include <utility>

#include "loop_hook.h"
#include "sys_error.h"

namespace prefork {
namespace {

// As in uv.h: UV_HANDLE_TYPE_MAP, and the first field of every handle, which is the user's.
constexpr int kPrepare = 9;
struct Handle {
  void* data;
};

struct Uv {
  int (*backend_fd)(const uv_loop_s*);
  std::size_t (*handle_size)(int);
  int (*prepare_init)(uv_loop_s*, Handle*);
  int (*prepare_start)(Handle*, void (*)(Handle*));
  int (*prepare_stop)(Handle*);
  void (*unref)(Handle*);
  std::string missing;
};

template <typename Function>
void Find(Uv& uv, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  if (function == nullptr && uv.missing.empty())
    uv.missing = std::string("this runtime has no ") + name + "()";
}

const Uv& Libuv() {
  static const Uv* found = [] {
    auto* uv = new Uv();
    Find(*uv, "uv_backend_fd", uv->backend_fd);
    Find(*uv, "uv_handle_size", uv->handle_size);
    Find(*uv, "uv_prepare_init", uv->prepare_init);
    Find(*uv, "uv_prepare_start", uv->prepare_start);
    Find(*uv, "uv_prepare_stop", uv->prepare_stop);
    Find(*uv, "uv_unref", uv->unref);
    return uv;
  }();
  return *found;
}

}  // namespace

std::string LoopHook::Missing() { return Libuv().missing; }

LoopHook::LoopHook(uv_loop_s* loop, std::function<void()> before_poll)
    : before_poll_(std::move(before_poll)) {
  const Uv& uv = Libuv();
  if (!uv.missing.empty()) throw SysError(ENOSYS, "dlsym").Advise(uv.missing);
  poll_fd_ = uv.backend_fd(loop);
  handle_ = ::operator new(uv.handle_size(kPrepare));
  auto* handle = static_cast<Handle*>(handle_);
  const int failed = uv.prepare_init(loop, handle);
  if (failed != 0) throw SysError(-failed, "uv_prepare_init");
  handle->data = this;
}

void LoopHook::Start() {
  auto* handle = static_cast<Handle*>(handle_);
  Libuv().prepare_start(handle,
                        [](Handle* self) { static_cast<LoopHook*>(self->data)->before_poll_(); });
  Libuv().unref(handle);
}

void LoopHook::Stop() { Libuv().prepare_stop(static_cast<Handle*>(handle_)); }

}  // namespace prefork
