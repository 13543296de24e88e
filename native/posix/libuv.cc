#include "native/posix/libuv.h"

#include <dlfcn.h>
#include <errno.h>

#include <new>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

template <typename Function>
void Find(Libuv& uv, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  if (function == nullptr && uv.missing.empty())
    uv.missing = std::string("this runtime has no ") + name + "()";
}

}  // namespace

const Libuv& Uv() {
  static const Libuv* found = [] {
    auto* uv = new Libuv();
    Find(*uv, "uv_backend_fd", uv->backend_fd);
    Find(*uv, "uv_handle_size", uv->handle_size);
    Find(*uv, "uv_update_time", uv->update_time);
    Find(*uv, "uv_hrtime", uv->hrtime);
    Find(*uv, "uv_metrics_idle_time", uv->metrics_idle_time);
    Find(*uv, "uv_prepare_init", uv->prepare_init);
    Find(*uv, "uv_prepare_start", uv->prepare_start);
    Find(*uv, "uv_prepare_stop", uv->prepare_stop);
    Find(*uv, "uv_timer_init", uv->timer_init);
    Find(*uv, "uv_timer_start", uv->timer_start);
    Find(*uv, "uv_timer_stop", uv->timer_stop);
    Find(*uv, "uv_unref", uv->unref);
    return uv;
  }();
  return *found;
}

UvHandle* NewUvHandle(int type, void* data) {
  if (!Uv().missing.empty()) throw SysError(ENOSYS, "dlsym").Advise(Uv().missing);
  auto* handle = static_cast<UvHandle*>(::operator new(Uv().handle_size(type)));
  handle->data = data;
  return handle;
}

}  // namespace prefork
