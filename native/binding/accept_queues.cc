#include "native/binding/accept_queues.h"

#include <node_api.h>

#include "native/binding/arguments.h"
#include "native/binding/boards.h"
#include "native/binding/event_queue.h"
#include "native/core/main_thread.h"
#include "native/posix/accept_lines.h"

namespace prefork {
namespace {

struct Change {
  bool is_short;
  DescriptorUse use;
};

void CallOnChange(Napi::Env env, Napi::Function on_change, std::nullptr_t*, Change* change) {
  const std::unique_ptr<Change> owned(change);
  if (static_cast<napi_env>(env) == nullptr) return;
  ReportThrown(env, [&] {
    Napi::Object room = Napi::Object::New(env);
    room.Set("short", owned->is_short);
    room.Set("open", static_cast<double>(owned->use.open));
    room.Set("limit", static_cast<double>(owned->use.limit));
    on_change.Call({room});
  });
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

// JavaScript keeps writing to the two numbers, so the pointer owns them.
std::shared_ptr<const std::uint32_t> ToCounts(const Napi::Value& value) {
  if (value.IsTypedArray()) {
    const auto array = value.As<Napi::TypedArray>();
    if (array.TypedArrayType() == napi_uint32_array && array.ElementLength() == 2) {
      const auto counts = Owning(array, array.As<Napi::Uint32Array>().Data());
      if (counts) return counts;
    }
  }
  throw BadArgument(value.Env(), "counts", "a Uint32Array of two in a SharedArrayBuffer");
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Napi::Object request = ToObject(info[0], "request");
  const auto place = ToOptional(request.Get("board"), "board", ToObject);
  const Napi::Function on_change = ToFunction(info[1], "onRoom");
  // Only the event loop of the main thread lives as long as the process.
  if (!OnMainThread() || !IsNode(env) || !WhyNoAcceptLine().empty()) return env.Undefined();
  uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return env.Undefined();
  AcceptLines::Options options = {};
  options.counts = ToCounts(request.Get("counts"));
  if (place) {
    const int fd = ToFd(place->Get("fd"), "board.fd");
    options.row = ToRow(place->Get("row"), "board.row");
    options.board = Translate(env, [&] { return std::make_unique<Board>(fd); });
  }
  return Translate(env, [&]() -> Napi::Value {
    ChangeQueue queue = ChangeQueue::New(env, on_change, "prefork:accept-lines", 0, 1,
                                         static_cast<std::nullptr_t*>(nullptr));
    queue.Unref(env);  // no reason to keep a process
    options.on_change = [queue](bool is_short, DescriptorUse use) {
      auto change = std::make_unique<Change>(Change{is_short, use});
      if (queue.NonBlockingCall(change.get()) == napi_ok) change.release();
    };
    // Never deleted: libuv has its handle until the process ends.
    auto* lines = new AcceptLines(loop, std::move(options));
    env.AddCleanupHook([](AcceptLines* kept) { kept->Stop(); }, lines);
    // Probed once.
    const bool can_stand = WhyNoExclusiveAccept().empty();
    Napi::Object result = Napi::Object::New(env);
    result.Set("add", Napi::Function::New(
                          env,
                          [lines, can_stand](const Napi::CallbackInfo& call) {
                            const int fd = ToFd(call[0], "fd");
                            const bool exclusive = ToFlag(call[1], "exclusive") && can_stand;
                            return Translate(call.Env(), [&] {
                              return ToJs(call.Env(), lines, lines->Add(fd, exclusive));
                            });
                          },
                          "add"));
    result.Set("look", Napi::Function::New(
                           env, [lines](const Napi::CallbackInfo&) { lines->Look(); }, "look"));
    return result;
  });
}

}  // namespace

void ExportAcceptLines(Napi::Env env, Napi::Object exports) {
  exports.Set("acceptLines", Napi::Function::New(env, Open, "acceptLines"));
}

}  // namespace prefork
