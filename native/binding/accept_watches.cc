#include "native/binding/accept_watches.h"

#include "native/binding/arguments.h"

namespace prefork {

Napi::Value AcceptWatches::Watch(Napi::Env env, SOCKET listener, Napi::Function on_waiting) {
  // onWaiting was called since the last rearm().
  const auto reported = std::make_shared<bool>(false);
  // Keeps the event loop alive until close() or unref(), as a listener of libuv does.
  const auto queue = EventQueue<AcceptWatch, Waiting>::Open(
      env, "prefork:accepts", on_waiting,
      [reported](Napi::Env, Napi::Function callback, AcceptWatch&, const Waiting&) {
        *reported = true;
        callback.Call({});
      },
      [&](auto push) { return std::make_shared<AcceptWatch>(listener, [push] { push({}); }); });
  open_.Add(queue);

  Napi::Object handle = Napi::Object::New(env);
  handle.Set("rearm", Napi::Function::New(
                          env,
                          [queue, reported](const Napi::CallbackInfo&) {
                            if (std::exchange(*reported, false)) queue->watch().Rearm();
                          },
                          "rearm"));
  handle.Set("ref",
             Napi::Function::New(
                 env, [queue](const Napi::CallbackInfo& info) { queue->Ref(info.Env()); }, "ref"));
  handle.Set(
      "unref",
      Napi::Function::New(
          env, [queue](const Napi::CallbackInfo& info) { queue->Unref(info.Env()); }, "unref"));
  handle.Set("close", open_.CloseFunction(env, queue));
  return handle;
}

}  // namespace prefork
