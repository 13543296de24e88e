#include "native/binding/queue_watches.h"

#include "native/binding/arguments.h"

namespace prefork {
namespace {

void CallOnWaiting(Napi::Env env, Napi::Function on_waiting, QueueWatch& watch,
                   const std::vector<QueueWatch::Waiting>& report) {
  // What JavaScript did while the report was under way goes first:
  //   thread: reports fd 7 | JavaScript: remove(7), close(7), open() == 7 | here
  const auto waiting = watch.StillReported(report);
  if (waiting.empty()) return;
  Napi::Array queues = Napi::Array::New(env, waiting.size());
  for (std::uint32_t i = 0; i < waiting.size(); ++i) {
    Napi::Object queue = Napi::Object::New(env);
    queue.Set("fd", waiting[i].fd);
    queue.Set("since", waiting[i].since.count());
    queues.Set(i, queue);
  }
  on_waiting.Call({queues});
}

template <typename Act>
Napi::Function OnFd(Napi::Env env, const char* name, Act act) {
  return Napi::Function::New(
      env,
      [act](const Napi::CallbackInfo& info) {
        const int fd = ToFd(info[0], "fd");
        Translate(info.Env(), [&] { act(fd); });
      },
      name);
}

}  // namespace

Napi::Value QueueWatches::Watch(Napi::Env env, const std::vector<int>& fds,
                                std::chrono::milliseconds delay, int confirmations,
                                Napi::Function on_waiting) {
  const auto queue = EventQueue<QueueWatch, Report>::Open(
      env, "prefork:queues", on_waiting, CallOnWaiting, [&](auto push) {
        // When Add() throws, the destructor of the watch ends its thread.
        const auto watch = std::make_shared<QueueWatch>(delay, confirmations, push);
        for (const int fd : fds) watch->Add(fd);
        return watch;
      });
  queue->Unref(env);  // a watch is no reason to keep a process
  open_.Add(queue);

  Napi::Object handle = Napi::Object::New(env);
  handle.Set("add", OnFd(env, "add", [queue](int fd) { queue->watch().Add(fd); }));
  handle.Set("remove", OnFd(env, "remove", [queue](int fd) { queue->watch().Remove(fd); }));
  handle.Set("rearm", OnFd(env, "rearm", [queue](int fd) { queue->watch().Rearm(fd); }));
  handle.Set("close", open_.CloseFunction(env, queue));
  return handle;
}

}  // namespace prefork
