#include "native/binding/queue_watches.h"

#include <algorithm>

#include "native/binding/arguments.h"

namespace prefork {
namespace {

using Report = std::vector<QueueWatch::Waiting>;

// Lives as long as the thread-safe function.
struct Keeper {
  std::shared_ptr<QueueWatch> watch;
};

void CallOnWaiting(Napi::Env env, Napi::Function on_waiting, Keeper* keeper, Report* report) {
  const std::unique_ptr<Report> owned(report);
  // Without an environment this only frees what was queued; `keeper` may be gone.
  if (static_cast<napi_env>(env) == nullptr) return;
  // What JavaScript did while the report was under way goes first:
  //   thread: tells of fd 7 | JavaScript: remove(7), close(7), open() == 7 | here
  const Report told = keeper->watch->StillTold(std::move(*report));
  if (told.empty()) return;
  try {
    Napi::Array queues = Napi::Array::New(env, told.size());
    for (std::uint32_t i = 0; i < told.size(); ++i) {
      Napi::Object queue = Napi::Object::New(env);
      queue.Set("fd", told[i].fd);
      queue.Set("since", told[i].since.count());
      queues.Set(i, queue);
    }
    on_waiting.Call({queues});
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());  // see Children::OnExit
  }
}
using ReportQueue = Napi::TypedThreadSafeFunction<Keeper, Report, CallOnWaiting>;

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
  auto* keeper = new Keeper();
  ReportQueue queue = ReportQueue::New(
      env, on_waiting, "prefork:queues", 0, 1, keeper,
      [](Napi::Env, Keeper* self, Keeper*) {
        if (self->watch) self->watch->Stop();
        delete self;
      },
      keeper);
  queue.Unref(env);  // a watch is no reason to keep a process
  std::shared_ptr<QueueWatch> watch;
  try {
    watch = std::make_shared<QueueWatch>(delay, confirmations, [queue](Report waiting) {
      auto* report = new Report(std::move(waiting));
      if (queue.NonBlockingCall(report) != napi_ok)
        delete report;  // the environment is on its way out
    });
    keeper->watch = watch;
    for (const int fd : fds) watch->Add(fd);
  } catch (...) {
    // The thread first: it may be about to use the queue.
    if (watch) watch->Stop();
    queue.Release();
    throw;
  }
  open_.push_back(watch);

  Napi::Object handle = Napi::Object::New(env);
  handle.Set("add", OnFd(env, "add", [watch](int fd) { watch->Add(fd); }));
  handle.Set("remove", OnFd(env, "remove", [watch](int fd) { watch->Remove(fd); }));
  handle.Set("rearm", OnFd(env, "rearm", [watch](int fd) { watch->Rearm(fd); }));
  handle.Set("close", Napi::Function::New(
                          env,
                          [this, watch, queue](const Napi::CallbackInfo&) mutable {
                            const auto found = std::find(open_.begin(), open_.end(), watch);
                            if (found == open_.end()) return;
                            watch->Stop();
                            open_.erase(found);
                            queue.Release();
                          },
                          "close"));
  return handle;
}

void QueueWatches::Stop() {
  for (const auto& watch : open_) watch->Stop();
  open_.clear();
}

}  // namespace prefork
