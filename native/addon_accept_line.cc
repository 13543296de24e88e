#include "addon_accept_line.h"

#include <node_api.h>

#include "accept_lines.h"
#include "addon_args.h"
#include "main_thread.h"

namespace prefork {
namespace {

struct Change {
  bool is_short;
  DescriptorUse use;
};

void CallOnChange(Napi::Env env, Napi::Function on_change, std::nullptr_t*, Change* change) {
  const std::unique_ptr<Change> owned(change);
  if (static_cast<napi_env>(env) == nullptr) return;
  try {
    Napi::Object told = Napi::Object::New(env);
    told.Set("short", owned->is_short);
    told.Set("open", static_cast<double>(owned->use.open));
    told.Set("limit", static_cast<double>(owned->use.limit));
    on_change.Call({told});
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());  // see Children::OnExit
  }
}
using ChangeQueue = Napi::TypedThreadSafeFunction<std::nullptr_t, Change, CallOnChange>;

using Entry = std::shared_ptr<AcceptLines::Entry>;

Napi::Object ToJs(Napi::Env env, AcceptLines* lines, const Entry& entry) {
  Napi::Object line = Napi::Object::New(env);
  const auto set = [&](const char* name, bool leave) {
    line.Set(name, Napi::Function::New(
                       env,
                       [lines, entry, leave](const Napi::CallbackInfo& info) {
                         entry->leave = leave;
                         lines->Apply(*entry);
                         return Napi::Boolean::New(info.Env(), entry->out == leave);
                       },
                       name));
  };
  set("leave", true);
  set("enter", false);
  line.Set("close",
           Napi::Function::New(
               env, [lines, entry](const Napi::CallbackInfo&) { lines->Remove(entry); }, "close"));
  return line;
}

// Bun has the names of libuv's functions, and ends the process when one is called.
bool IsNode(Napi::Env env) {
  const Napi::Value versions = env.Global().Get("process").As<Napi::Object>().Get("versions");
  return versions.IsObject() && !versions.As<Napi::Object>().Has("bun");
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Napi::Function on_change = ToFunction(info[0], "onRoom");
  // Its loop is the one that lives as long as the process.
  if (!OnMainThread() || !IsNode(env) || !WhyNoAcceptLine().empty()) return env.Undefined();
  uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return env.Undefined();
  ChangeQueue queue = ChangeQueue::New(env, on_change, "prefork:accept-lines", 0, 1,
                                       static_cast<std::nullptr_t*>(nullptr));
  queue.Unref(env);  // no reason to keep a process
  return Translate(env, [&]() -> Napi::Value {
    // Never deleted: libuv has its handle until the process ends.
    auto* lines = new AcceptLines(loop, [queue](bool is_short, DescriptorUse use) {
      auto* change = new Change{is_short, use};
      if (queue.NonBlockingCall(change) != napi_ok) delete change;
    });
    env.AddCleanupHook([](AcceptLines* kept) { kept->Stop(); }, lines);
    Napi::Object result = Napi::Object::New(env);
    result.Set("add", Napi::Function::New(
                          env,
                          [lines](const Napi::CallbackInfo& call) {
                            const int fd = ToFd(call[0], "fd");
                            return Translate(call.Env(), [&] {
                              return ToJs(call.Env(), lines, lines->Add(fd));
                            });
                          },
                          "add"));
    return result;
  });
}

}  // namespace

void ExportAcceptLines(Napi::Env env, Napi::Object exports) {
  exports.Set("acceptLines", Napi::Function::New(env, Open, "acceptLines"));
}

}  // namespace prefork
