#include "native/binding/scoreboards.h"

#include <node_api.h>

#include <memory>

#include "native/binding/arguments.h"
#include "native/core/main_thread.h"
#include "native/posix/scoreboard.h"
#include "native/posix/usage.h"

namespace prefork {
namespace {

using namespace scoreboard;
using Kept = std::shared_ptr<SharedMemory>;

// Unmapped when JavaScript has dropped it, and native code, too. Throws a JavaScript error where
// V8 takes no memory of others.
Napi::ArrayBuffer ToBuffer(Napi::Env env, const Kept& memory, std::size_t length) {
  auto keeper = std::make_unique<Kept>(memory);
  const auto buffer = Napi::ArrayBuffer::New(
      env, memory->data(), length, [](Napi::BasicEnv, void*, Kept* kept) { delete kept; },
      keeper.get());
  keeper.release();
  return buffer;
}

Napi::Value Make(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Translate(env, [&]() -> Napi::Value {
    auto fd = std::make_shared<UniqueFd>(MakeSharedMemory("prefork-scoreboard", kSize));
    const auto memory = std::make_shared<SharedMemory>(fd->Get(), kSize, 0, kSize);
    Napi::Object result = Napi::Object::New(env);
    result.Set("fd", fd->Get());
    result.Set("rows", kRows);
    result.Set("memory", ToBuffer(env, memory, kSize));
    result.Set("close", Napi::Function::New(
                            env, [fd](const Napi::CallbackInfo&) { fd->Reset(); }, "close"));
    return result;
  });
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object place = ToObject(info[0], "place");
  const int fd = ToFd(place.Get("fd"), "fd");
  const auto row = static_cast<off_t>(ToInteger(place.Get("row"), "row", 0, kRows - 1));
  return Translate(env, [&]() -> Napi::Value {
    const auto memory =
        std::make_shared<SharedMemory>(fd, kSize, row * static_cast<off_t>(kLine), kLine);
    return ToBuffer(env, memory, kLine);
  });
}

// False where the runtime has no such hook.
Napi::Value TimeTurns(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsArrayBuffer() || info[0].As<Napi::ArrayBuffer>().ByteLength() < kLine)
    throw BadArgument(env, "line", "an ArrayBuffer of a line");
  uv_loop_s* loop = nullptr;
  // Only the event loop of the main thread lives as long as the process.
  if (!OnMainThread() || !LoopHook::Missing().empty() ||
      napi_get_uv_event_loop(env, &loop) != napi_ok)
    return Napi::Boolean::New(env, false);
  return Translate(env, [&]() -> Napi::Value {
    Napi::ArrayBuffer line = info[0].As<Napi::ArrayBuffer>();
    // Never deleted: libuv has the hook until the process ends.
    auto* times = new LoopTimes(loop, Owning(line, static_cast<Word64*>(line.Data())));
    env.AddCleanupHook([](LoopTimes* stopped) { stopped->Stop(); }, times);
    return Napi::Boolean::New(env, true);
  });
}

Napi::Value Usage(const Napi::CallbackInfo& info) {
  const auto pid = static_cast<pid_t>(ToInteger(info[0], "pid", 1, kMaxInt));
  const std::optional<ProcessUsage> found = UsageOf(pid);
  if (!found) return info.Env().Undefined();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("rss", found->rss);
  result.Set("cpu", found->cpu);
  return result;
}

}  // namespace

void ExportScoreboard(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("makeScoreboard", Make);
  add("openScoreboard", Open);
  add("timeTurns", TimeTurns);
  add("usage", Usage);
}

}  // namespace prefork
