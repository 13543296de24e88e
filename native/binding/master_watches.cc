#include "native/binding/master_watches.h"

#include "native/binding/arguments.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kLongestDelay = std::numeric_limits<std::int32_t>::max();

milliseconds ToDelay(const Napi::Value& value, const char* name) {
  return milliseconds(ToInteger(value, name, 0, kLongestDelay));
}

}  // namespace

Napi::Value MasterWatches::Watch(Napi::Env env, const MasterProcess& master,
                                 Napi::Function on_death) {
  const auto queue = EventQueue<MasterWatch, Death>::Open(
      env, "prefork:master-death", on_death,
      [](Napi::Env, Napi::Function callback, MasterWatch&, const Death&) { callback.Call({}); },
      [&](auto push) { return std::make_shared<MasterWatch>(master, [push] { push({}); }); });
  queue->Unref(env);  // a watch is no reason to keep a process
  open_.Add(queue);

  Napi::Object handle = Napi::Object::New(env);
  handle.Set("configure",
             Napi::Function::New(
                 env,
                 [queue](const Napi::CallbackInfo& info) {
                   const Napi::Object options = ToObject(info[0], "options");
                   const Napi::Value grace = options.Get("grace");
                   std::optional<milliseconds> delay;
                   if (!grace.IsNull()) delay = ToDelay(grace, "grace");
                   const bool keep = ToFlag(options.Get("keepDeathSignal"), "keepDeathSignal");
                   Translate(info.Env(), [&] { queue->watch().Configure(delay, keep); });
                 },
                 "configure"));
  handle.Set("exitAfter", Napi::Function::New(
                              env,
                              [queue](const Napi::CallbackInfo& info) {
                                const milliseconds delay = ToDelay(info[0], "ms");
                                queue->watch().ExitAfter(
                                    delay, static_cast<int>(ToInteger(info[1], "code", 0, 255)));
                              },
                              "exitAfter"));
  handle.Set("close", open_.CloseFunction(env, queue));
  return handle;
}

}  // namespace prefork
