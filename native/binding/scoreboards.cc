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

// Tells the ArrayBuffer of a line from every other object.
constexpr napi_type_tag kLineTag = {0x9d0c6f5be1a84273, 0xa61f3e08d57b4c92};

// The object of JavaScript keeps the memory, too: what it has is transferred with its contents.
void RememberLine(const Napi::ArrayBuffer& line, const Kept& memory) {
  auto keeper = std::make_unique<Kept>(memory);
  const napi_status wrapped = napi_wrap(
      line.Env(), line, keeper.get(),
      [](napi_env, void* kept, void*) { delete static_cast<Kept*>(kept); }, nullptr, nullptr);
  if (wrapped != napi_ok) throw Napi::Error::New(line.Env());
  keeper.release();
  line.TypeTag(&kLineTag);
}

// The memory behind an array that JavaScript goes on reading and writing. The pointer owns it.
std::shared_ptr<Word64> ToLine(const Napi::Value& value) {
  if (value.IsTypedArray()) {
    const auto array = value.As<Napi::TypedArray>();
    if (array.TypedArrayType() == napi_float64_array && array.ElementLength() == kWords) {
      const Napi::ArrayBuffer buffer = array.ArrayBuffer();
      void* kept = nullptr;
      if (buffer.CheckTypeTag(&kLineTag) && napi_unwrap(value.Env(), buffer, &kept) == napi_ok) {
        const Kept& memory = *static_cast<Kept*>(kept);
        return std::shared_ptr<Word64>(memory, static_cast<Word64*>(memory->data()));
      }
      void* words = array.As<Napi::Float64Array>().Data();
      const auto shared = Owning(array, static_cast<Word64*>(words));
      if (shared) return shared;
    }
  }
  throw BadArgument(value.Env(), "line",
                    "a Float64Array of what openScoreboard() returned, or of a SharedArrayBuffer");
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
    const Napi::ArrayBuffer line = ToBuffer(env, memory, kLine);
    RememberLine(line, memory);
    return line;
  });
}

// False where the runtime has no such hook.
Napi::Value TimeTurns(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<Word64> line = ToLine(info[0]);
  uv_loop_s* loop = nullptr;
  // Only the event loop of the main thread lives as long as the process.
  if (!OnMainThread() || !LoopHook::Missing().empty() ||
      napi_get_uv_event_loop(env, &loop) != napi_ok)
    return Napi::Boolean::New(env, false);
  return Translate(env, [&]() -> Napi::Value {
    // Never deleted: libuv has the hook until the process ends.
    auto* times = new LoopTimes(loop, line);
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
