#include "native/binding/accept_watches.h"

#include <algorithm>

#include "native/binding/arguments.h"

namespace prefork {
namespace {

// Lives as long as the thread-safe function. Main thread only, but for the pointer itself.
struct Keeper {
  std::shared_ptr<AcceptWatch> watch;
  bool closed = false;
  bool told = false;  // onWaiting was called since the last rearm()
};

void CallOnWaiting(Napi::Env env, Napi::Function on_waiting, Keeper* keeper, std::nullptr_t*) {
  // Without an environment `keeper` may be gone.
  if (static_cast<napi_env>(env) == nullptr) return;
  // Told before close(), delivered after it.
  if (keeper->closed) return;
  keeper->told = true;
  try {
    on_waiting.Call({});
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());  // see Children::OnExit
  }
}
using WaitingQueue = Napi::TypedThreadSafeFunction<Keeper, std::nullptr_t, CallOnWaiting>;

}  // namespace

Napi::Value AcceptWatches::Watch(Napi::Env env, SOCKET listener, Napi::Function on_waiting) {
  auto* keeper = new Keeper();
  // Keeps the event loop alive until close() or unref(), as a listener of libuv does.
  WaitingQueue queue = WaitingQueue::New(
      env, on_waiting, "prefork:accepts", 0, 1, keeper,
      [](Napi::Env, Keeper* self, Keeper*) {
        if (self->watch) self->watch->Stop();
        delete self;
      },
      keeper);
  std::shared_ptr<AcceptWatch> watch;
  try {
    watch = std::make_shared<AcceptWatch>(listener, [queue] { queue.NonBlockingCall(); });
  } catch (...) {
    queue.Release();
    throw;
  }
  keeper->watch = watch;
  open_.push_back(watch);

  // After close() the keeper is gone: whoever uses it looks first.
  const auto closed = std::make_shared<bool>(false);
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("rearm", Napi::Function::New(
                          env,
                          [keeper, closed](const Napi::CallbackInfo&) {
                            if (*closed || !std::exchange(keeper->told, false)) return;
                            keeper->watch->Rearm();
                          },
                          "rearm"));
  handle.Set("ref", Napi::Function::New(
                        env,
                        [queue, closed](const Napi::CallbackInfo& info) {
                          if (!*closed) queue.Ref(info.Env());
                        },
                        "ref"));
  handle.Set("unref", Napi::Function::New(
                          env,
                          [queue, closed](const Napi::CallbackInfo& info) {
                            if (!*closed) queue.Unref(info.Env());
                          },
                          "unref"));
  handle.Set("close", Napi::Function::New(
                          env,
                          [this, keeper, watch, queue, closed](const Napi::CallbackInfo&) mutable {
                            if (std::exchange(*closed, true)) return;
                            const auto found = std::find(open_.begin(), open_.end(), watch);
                            if (found == open_.end()) return;
                            open_.erase(found);
                            watch->Stop();
                            keeper->closed = true;
                            queue.Release();
                          },
                          "close"));
  return handle;
}

void AcceptWatches::Stop() {
  for (const auto& watch : open_) watch->Stop();
  open_.clear();
}

}  // namespace prefork
