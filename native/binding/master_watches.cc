#include "native/binding/master_watches.h"

#include <algorithm>

#include "native/binding/arguments.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kLongestDelay = std::numeric_limits<std::int32_t>::max();

void CallOnDeath(Napi::Env env, Napi::Function on_death, std::nullptr_t*, void*) {
  if (static_cast<napi_env>(env) == nullptr) return;
  try {
    on_death.Call({});
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());  // see Children::OnExit
  }
}
using DeathQueue = Napi::TypedThreadSafeFunction<std::nullptr_t, void, CallOnDeath>;

milliseconds ToDelay(const Napi::Value& value, const char* name) {
  return milliseconds(ToInteger(value, name, 0, kLongestDelay));
}

}  // namespace

Napi::Value MasterWatches::Watch(Napi::Env env, const MasterProcess& master,
                                 Napi::Function on_death) {
  auto* keeper = new std::shared_ptr<MasterWatch>();
  DeathQueue queue = DeathQueue::New(
      env, on_death, "prefork:master-death", 0, 1, nullptr,
      [](Napi::Env, std::shared_ptr<MasterWatch>* watch, std::nullptr_t*) {
        if (*watch) (*watch)->Stop();
        delete watch;
      },
      keeper);
  queue.Unref(env);  // a watch is no reason to keep a process
  std::shared_ptr<MasterWatch> watch;
  try {
    watch = std::make_shared<MasterWatch>(master, [queue] { queue.NonBlockingCall(); });
  } catch (...) {
    queue.Release();
    throw;
  }
  *keeper = watch;
  open_.push_back(watch);

  Napi::Object handle = Napi::Object::New(env);
  handle.Set("configure", Napi::Function::New(
                              env,
                              [watch](const Napi::CallbackInfo& info) {
                                const Napi::Object options = ToObject(info[0], "options");
                                const Napi::Value grace = options.Get("grace");
                                std::optional<milliseconds> delay;
                                if (!grace.IsNull()) delay = ToDelay(grace, "grace");
                                const bool keep =
                                    ToFlag(options.Get("keepDeathSignal"), "keepDeathSignal");
                                Translate(info.Env(), [&] { watch->Configure(delay, keep); });
                              },
                              "configure"));
  handle.Set("exitAfter", Napi::Function::New(
                              env,
                              [watch](const Napi::CallbackInfo& info) {
                                const milliseconds delay = ToDelay(info[0], "ms");
                                watch->ExitAfter(
                                    delay, static_cast<int>(ToInteger(info[1], "code", 0, 255)));
                              },
                              "exitAfter"));
  handle.Set("close", Napi::Function::New(
                          env,
                          [this, watch, queue, closed = false](const Napi::CallbackInfo&) mutable {
                            if (std::exchange(closed, true)) return;
                            watch->Stop();
                            const auto found = std::find(open_.begin(), open_.end(), watch);
                            if (found == open_.end()) return;
                            open_.erase(found);
                            queue.Release();
                          },
                          "close"));
  return handle;
}

void MasterWatches::Stop() {
  for (const auto& watch : open_) watch->Stop();
  open_.clear();
}

}  // namespace prefork
