// The exports on Linux: those of every POSIX system, and those that only this kernel makes
// possible.
#include <signal.h>

#include "native/binding/addresses.h"
#include "native/binding/arguments.h"
#include "native/binding/boards.h"
#include "native/binding/exports.h"
#include "native/binding/posix.h"
#include "native/binding/queue_watches.h"
#include "native/linux/abstract_listener.h"
#include "native/linux/deaf.h"
#include "native/linux/diversion.h"
#include "native/linux/heap.h"
#include "native/linux/job_control.h"
#include "native/linux/notice.h"
#include "native/linux/reaper.h"
#include "native/linux/seal.h"
#include "native/linux/sock_diag.h"
#include "native/linux/steering.h"
#include "native/posix/activity.h"

namespace prefork {
namespace {

struct Linux : Posix {
  QueueWatches queue_watches;
  StrangerReaper reaper;
};

Linux& Self(const Napi::CallbackInfo& info) { return *static_cast<Linux*>(info.Data()); }

Napi::Value Guard(const Napi::CallbackInfo& info) {
  const TcpAddress address = ToTcpAddress(ToObject(info[0], "request"));
  return Translate(info.Env(), [&] { return ToBoundSocket(info.Env(), GuardTcp(address)); });
}

Napi::Value ListenByName(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString()) throw BadArgument(env, "name", "a string that begins with NUL");
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  if (name.size() < 2 || name[0] != '\0')
    throw BadArgument(env, "name", "a string that begins with NUL");
  const int backlog = ToBacklog(info[1]);
  return Translate(env, [&] { return ToBoundSocket(env, ListenAbstract(name, backlog)); });
}

Napi::Value QueueDepth(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  const QueueFill fill = Translate(info.Env(), [&] { return ReadQueue(fd); });
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("depth", fill.depth);
  result.Set("limit", fill.limit);
  return result;
}

void SealListener(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  Translate(info.Env(), [&] { Seal(fd); });
}

void HideListener(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  Translate(info.Env(), [&] { Hide(fd); });
}

void DeafenListener(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  const bool deaf = ToFlag(info[1], "deaf");
  Translate(info.Env(), [&] { SetDeaf(fd, deaf); });
}

Napi::Value DivertNewcomers(const Napi::CallbackInfo& info) {
  const std::vector<int> fds = ToList(info[0], "fds", ToFd);
  if (fds.empty()) throw BadArgument(info.Env(), "fds", "an array of at least one descriptor");
  return Napi::Number::New(info.Env(),
                           Translate(info.Env(), [&] { return Divert(fds).Release(); }));
}

void DismissListener(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  Translate(info.Env(), [&] { Dismiss(fd); });
}

Napi::Value Notify(const Napi::CallbackInfo& info) {
  const Napi::Object notice = ToObject(info[0], "notice");
  const std::string address = ToText(notice.Get("address"), "address");
  if (address.size() < 2 || (address[0] != '/' && address[0] != '@'))
    throw BadArgument(info.Env(), "address", "an absolute path, or '@' and a name");
  const std::string text = ToText(notice.Get("text"), "text");
  const std::vector<int> fds = ToList(notice.Get("fds"), "fds", ToFd);
  if (fds.size() > kMostFdsInNotice)
    throw BadArgument(info.Env(), "fds", "an array of at most 64 descriptors");
  const bool sent = Translate(info.Env(), [&] { return SendNotice(address, text, fds); });
  return Napi::Boolean::New(info.Env(), sent);
}

Napi::Value HandshakesOf(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  return Napi::Number::New(info.Env(), Translate(info.Env(), [&] { return Handshakes(fd); }));
}

Napi::Value IdleTimeOf(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  const std::optional<std::uint32_t> ms = Translate(info.Env(), [&] { return IdleTime(fd); });
  return ms ? Napi::Number::New(info.Env(), *ms) : info.Env().Undefined();
}

void SteerGroup(const Napi::CallbackInfo& info) {
  const Napi::Object request = ToObject(info[0], "request");
  const int fd = ToFd(request.Get("fd"), "fd");
  const auto size =
      static_cast<std::uint32_t>(ToInteger(request.Get("size"), "size", 1, kMostSteered));
  std::vector<std::uint32_t> live = ToList(
      request.Get("live"), "live", [size](const Napi::Value& value, const std::string& name) {
        return static_cast<std::uint32_t>(ToInteger(value, name, 0, size - 1));
      });
  Translate(info.Env(), [&] { Steer(fd, std::move(live), size); });
}

Napi::Value ReapStrangers(const Napi::CallbackInfo& info) {
  std::unordered_set<pid_t> own = Self(info).children.Pids();
  for (const std::int64_t pid :
       ToList(info[0], "own", [](const Napi::Value& value, const std::string& name) {
         return ToInteger(value, name, 0, kMaxInt);
       })) {
    own.insert(static_cast<pid_t>(pid));
  }
  const bool left = Translate(info.Env(), [&] { return Self(info).reaper.Reap(own); });
  return Napi::Boolean::New(info.Env(), left);
}

Napi::Value WatchQueues(const Napi::CallbackInfo& info) {
  const Napi::Object request = ToObject(info[0], "request");
  const std::vector<int> fds = ToList(request.Get("fds"), "fds", ToFd);
  const auto delay =
      ToOptional(request.Get("delay"), "delay", [](const Napi::Value& value, const auto& name) {
        return std::chrono::milliseconds(ToInteger(value, name, 0, kLongestQueueDelay));
      });
  const auto confirmations = ToOptional(request.Get("confirmations"), "confirmations",
                                        [](const Napi::Value& value, const auto& name) {
                                          return static_cast<int>(ToInteger(value, name, 0, 100));
                                        });
  const Napi::Function on_waiting = ToFunction(info[1], "onWaiting");
  return Translate(info.Env(), [&] {
    return Self(info).queue_watches.Watch(info.Env(), fds, delay.value_or(kQueueDelay),
                                          confirmations.value_or(0), on_waiting);
  });
}

void LeaveSignalToJobControl(const Napi::CallbackInfo& info) {
  const auto signal = static_cast<int>(ToInteger(info[0], "signal", SIGTTIN, SIGTTOU));
  Translate(info.Env(), [&] { LeaveToJobControl(signal); });
}

// V8 collects, and gives pages back to the kernel, once the addon reports more memory outside of
// the heap than V8 allows: half of the largest heap. facts.md, 55: Node 26 may end a process that
// reports 32 GiB at once.
void ReleaseMemory(const Napi::CallbackInfo& info) {
  constexpr std::int64_t kTooMuch = std::int64_t{1} << 34;
  if (ToFlag(info[0], "heap")) {
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), kTooMuch);
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -kTooMuch);
  }
  ReleaseFreeMemory();
}

}  // namespace

void ExportSystem(Napi::Env env, Napi::Object exports) {
  auto* self = new Linux();
  env.SetInstanceData(self);
  // The hook joins the threads while the environment is whole; the destructor of the instance would
  // run after that.
  env.AddCleanupHook(
      [](Linux* instance) {
        instance->Stop();
        instance->queue_watches.Stop();
      },
      self);
  ExportPosix(env, exports, self);
  ExportBoard(env, exports);
  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name, self));
  };
  add("guard", Guard);
  add("listenAbstract", ListenByName);
  add("queueDepth", QueueDepth);
  add("sealListener", SealListener);
  add("hideListener", HideListener);
  add("deafenListener", DeafenListener);
  add("divertNewcomers", DivertNewcomers);
  add("dismissListener", DismissListener);
  add("notify", Notify);
  add("handshakes", HandshakesOf);
  add("idleTime", IdleTimeOf);
  add("steer", SteerGroup);
  add("reapStrangers", ReapStrangers);
  add("watchQueues", WatchQueues);
  add("leaveToJobControl", LeaveSignalToJobControl);
  add("releaseFreeMemory", ReleaseMemory);
}

}  // namespace prefork
