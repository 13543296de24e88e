// The border: checks arguments, calls the core, translates results. No decision is made here.
#include <napi.h>

#include "addon_args.h"
#include "addon_children.h"
#include "addon_fds.h"
#include "addon_parent_watch.h"
#include "addon_queue_watch.h"
#include "fd.h"
#include "features.h"
#include "listener.h"
#include "reaper.h"
#include "spawn.h"
#include "steering.h"
#include "users.h"

namespace prefork {
namespace {

constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();

// Per environment: Node loads the addon once per process and calls Init once per worker thread.
struct Instance {
  Children children;
  ParentWatches parent_watches;
  QueueWatches queue_watches;
  StrangerReaper reaper;
};

Instance& Self(Napi::Env env) { return *env.GetInstanceData<Instance>(); }

const char* FamilyName(Family family) {
  switch (family) {
    case Family::kIPv4:
      return "IPv4";
    case Family::kIPv6:
      return "IPv6";
    case Family::kUnix:
      return "unix";
    case Family::kOther:
      break;
  }
  return "other";
}

void SetName(Napi::Object object, const SocketName& name) {
  object.Set("family", FamilyName(name.family));
  object.Set("address", name.address);
  if (name.port) object.Set("port", *name.port);
}

// The descriptor changes hands on the last line: whatever throws before closes it.
Napi::Value ToBoundSocket(Napi::Env env, UniqueFd fd) {
  Napi::Object result = Napi::Object::New(env);
  SetName(result, NameOf(fd.Get()));
  result.Set("fd", fd.Get());
  fd.Release();
  return result;
}

TcpAddress ToTcpAddress(const Napi::Object& request) {
  const std::string family = ToText(request.Get("family"), "family");
  if (family != "IPv4" && family != "IPv6")
    throw BadArgument(request.Env(), "family", "'IPv4', 'IPv6' or 'unix'");
  const bool six = family == "IPv6";
  return {six ? Family::kIPv6 : Family::kIPv4, ToText(request.Get("address"), "address"),
          static_cast<int>(ToInteger(request.Get("port"), "port", 0, 65535)),
          six && ToFlag(request.Get("ipv6Only"), "ipv6Only")};
}

int ToBacklog(const Napi::Value& value) {
  return static_cast<int>(ToInteger(value, "backlog", 0, kMaxInt));
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  const Napi::Object request = ToObject(info[0], "request");
  const int backlog = ToBacklog(request.Get("backlog"));
  if (ToText(request.Get("family"), "family") == "unix") {
    const std::string path = ToText(request.Get("path"), "path");
    const auto mode = ToOptional(request.Get("mode"), "mode",
                                 [](const Napi::Value& value, const std::string& name) {
                                   return static_cast<mode_t>(ToInteger(value, name, 0, 07777));
                                 });
    return Translate(info.Env(),
                     [&] { return ToBoundSocket(info.Env(), ListenUnix(path, backlog, mode)); });
  }
  const TcpAddress address = ToTcpAddress(request);
  const bool reuse_port = ToFlag(request.Get("reusePort"), "reusePort");
  return Translate(info.Env(), [&] {
    return ToBoundSocket(info.Env(), ListenTcp(address, backlog, reuse_port));
  });
}

Napi::Value Guard(const Napi::CallbackInfo& info) {
  const TcpAddress address = ToTcpAddress(ToObject(info[0], "request"));
  return Translate(info.Env(), [&] { return ToBoundSocket(info.Env(), GuardTcp(address)); });
}

void SetBacklogOf(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  const int backlog = ToBacklog(info[1]);
  Translate(info.Env(), [&] { SetBacklog(fd, backlog); });
}

Napi::Value InspectListener(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  const Inspection found = Translate(info.Env(), [&] { return Inspect(fd); });
  Napi::Object result = Napi::Object::New(info.Env());
  SetName(result, found.name);
  result.Set("type", found.stream ? "stream" : "other");
  result.Set("listening", found.listening);
  result.Set("nonBlocking", found.non_blocking);
  result.Set("closeOnExec", found.close_on_exec);
  result.Set("reusePort", found.reuse_port);
  return result;
}

Napi::Value QueueDepth(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  const QueueFill fill = Translate(info.Env(), [&] { return ReadQueue(fd); });
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("depth", fill.depth);
  result.Set("limit", fill.limit);
  return result;
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

Napi::Value Probe(const Napi::CallbackInfo& info) {
  const std::string path = ToText(info[0], "path");
  constexpr const char* kNames[] = {"live", "stale", "absent", "not-a-socket"};
  const UnixProbe answer = Translate(info.Env(), [&] { return ProbeUnix(path); });
  return Napi::String::New(info.Env(), kNames[static_cast<int>(answer)]);
}

Napi::Value Lock(const Napi::CallbackInfo& info) {
  const std::string path = ToText(info[0], "path");
  return Translate(info.Env(), [&]() -> Napi::Value {
    std::optional<UniqueFd> fd = LockFile(path);
    return fd ? ToNumber(info.Env(), std::move(*fd)) : info.Env().Undefined();
  });
}

void RequireMainThread(Napi::Env env, const char* what) {
  if (OnMainThread()) return;
  Napi::Error error = Napi::Error::New(
      env, std::string(what) +
               " works on the main thread only: the kernel ties the death signal of a child to the "
               "thread that made it; call prefork() outside worker_threads");
  error.Set("code", Napi::String::New(env, "ERR_PREFORK_WORKER_THREAD"));
  throw error;
}

Napi::Value SpawnChild(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireMainThread(env, "spawn()");
  const Napi::Object request = ToObject(info[0], "request");
  const Napi::Function on_exit = ToFunction(info[1], "onExit");
  SpawnOptions options;
  options.file = ToText(request.Get("file"), "file");
  options.args = ToList(request.Get("args"), "args", ToText);
  if (options.args.empty()) throw BadArgument(env, "args", "an array with at least argv[0]");
  options.env = ToList(request.Get("env"), "env", ToText);
  options.cwd = ToOptional(request.Get("cwd"), "cwd", ToText);
  options.fds = ToList(request.Get("fds"), "fds", ToFd);
  options.uid = ToOptional(request.Get("uid"), "uid", ToId);
  options.gid = ToOptional(request.Get("gid"), "gid", ToId);
  options.groups = ToOptional(
      request.Get("groups"), "groups",
      [](const Napi::Value& value, const std::string& name) { return ToList(value, name, ToId); });
  options.die_with_parent = ToFlag(request.Get("dieWithParent"), "dieWithParent");
  options.listen_pid = ToFlag(request.Get("listenPid"), "listenPid");
  return Translate(env, [&] { return Self(env).children.Spawn(env, options, on_exit); });
}

Napi::Value GroupsOfUser(const Napi::CallbackInfo& info) {
  const uid_t uid = ToId(info[0], "uid");
  const std::optional<UserGroups> found =
      Translate(info.Env(), [&] { return FindUserGroups(uid); });
  if (!found) return info.Env().Undefined();
  Napi::Object result = Napi::Object::New(info.Env());
  Napi::Array groups = Napi::Array::New(info.Env(), found->groups.size());
  for (std::uint32_t i = 0; i < found->groups.size(); ++i) groups.Set(i, found->groups[i]);
  result.Set("gid", found->gid);
  result.Set("groups", groups);
  return result;
}

Napi::Value ReapStrangers(const Napi::CallbackInfo& info) {
  std::unordered_set<pid_t> own = Self(info.Env()).children.Pids();
  for (const std::int64_t pid :
       ToList(info[0], "own", [](const Napi::Value& value, const std::string& name) {
         return ToInteger(value, name, 0, kMaxInt);
       })) {
    own.insert(static_cast<pid_t>(pid));
  }
  const bool left = Translate(info.Env(), [&] { return Self(info.Env()).reaper.Reap(own); });
  return Napi::Boolean::New(info.Env(), left);
}

Napi::Value WatchParent(const Napi::CallbackInfo& info) {
  RequireMainThread(info.Env(), "watchParent()");
  const Napi::Object request = ToObject(info[0], "request");
  const auto pid = static_cast<pid_t>(ToInteger(request.Get("pid"), "pid", 1, kMaxInt));
  const auto fd = static_cast<int>(ToInteger(request.Get("controlFd"), "controlFd", -1, kMaxInt));
  const Napi::Function on_death = ToFunction(info[1], "onDeath");
  return Translate(info.Env(), [&] {
    return Self(info.Env()).parent_watches.Watch(info.Env(), pid, fd, on_death);
  });
}

Napi::Value WatchQueues(const Napi::CallbackInfo& info) {
  const Napi::Object request = ToObject(info[0], "request");
  const std::vector<int> fds = ToList(request.Get("fds"), "fds", ToFd);
  const auto delay =
      ToOptional(request.Get("delay"), "delay", [](const Napi::Value& value, const auto& name) {
        return std::chrono::milliseconds(ToInteger(value, name, 0, kLongestQueueDelay));
      });
  const Napi::Function on_waiting = ToFunction(info[1], "onWaiting");
  return Translate(info.Env(), [&] {
    return Self(info.Env())
        .queue_watches.Watch(info.Env(), fds, delay.value_or(kQueueDelay), on_waiting);
  });
}

Napi::Value Features(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  Napi::Object reasons = Napi::Object::New(info.Env());
  for (const Feature& feature : ProbeFeatures()) {
    result.Set(feature.name, feature.available);
    if (!feature.available) reasons.Set(feature.name, feature.reason);
  }
  result.Set("reasons", reasons);
  return result;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* instance = new Instance();
  env.SetInstanceData(instance);
  // Joins the threads while the environment is whole; the destructor of the instance would come
  // after it.
  env.AddCleanupHook(
      [](Instance* self) {
        self->children.Stop();
        self->parent_watches.Stop();
        self->queue_watches.Stop();
      },
      instance);
  RememberFileLimit();

  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("listen", Listen);
  add("guard", Guard);
  add("setBacklog", SetBacklogOf);
  add("inspectListener", InspectListener);
  add("queueDepth", QueueDepth);
  add("steer", SteerGroup);
  add("probeUnix", Probe);
  add("lockFile", Lock);
  add("spawn", SpawnChild);
  add("userGroups", GroupsOfUser);
  add("reapStrangers", ReapStrangers);
  add("watchParent", WatchParent);
  add("watchQueues", WatchQueues);
  ExportFds(env, exports);
  exports.Set("mainThread", OnMainThread());
  // Probed when first asked for: workers never do.
  exports.DefineProperty(
      Napi::PropertyDescriptor::Accessor(env, exports, "features", Features, napi_enumerable));
  return exports;
}

NODE_API_MODULE(prefork, Init)

}  // namespace
}  // namespace prefork
