// The exports on every POSIX system. They check arguments, call the core and translate results, and
// decide nothing.
#include "native/binding/posix.h"

#include "native/binding/accept_queues.h"
#include "native/binding/addresses.h"
#include "native/binding/arguments.h"
#include "native/binding/fd_messages.h"
#include "native/binding/fds.h"
#include "native/binding/outputs.h"
#include "native/binding/scoreboards.h"
#include "native/core/main_thread.h"
#include "native/posix/fd.h"
#include "native/posix/spawn.h"
#include "native/posix/users.h"

namespace prefork {
namespace {

Posix& Self(const Napi::CallbackInfo& info) { return *static_cast<Posix*>(info.Data()); }

Napi::Value Listen(const Napi::CallbackInfo& info) {
  const Napi::Object request = ToObject(info[0], "request");
  const int backlog = ToBacklog(request.Get("backlog"));
  if (ToText(request.Get("family"), "family") == "unix") {
    const std::string path = ToText(request.Get("path"), "path");
    UnixFile file;
    file.owner = ToOptional(request.Get("owner"), "owner", ToId);
    file.group = ToOptional(request.Get("group"), "group", ToId);
    file.mode = ToOptional(request.Get("mode"), "mode",
                           [](const Napi::Value& value, const std::string& name) {
                             return static_cast<mode_t>(ToInteger(value, name, 0, 07777));
                           });
    return Translate(info.Env(),
                     [&] { return ToBoundSocket(info.Env(), ListenUnix(path, backlog, file)); });
  }
  const TcpAddress address = ToTcpAddress(request);
  const bool reuse_port = ToFlag(request.Get("reusePort"), "reusePort");
  return Translate(info.Env(), [&] {
    return ToBoundSocket(info.Env(), ListenTcp(address, backlog, reuse_port));
  });
}

void SetBacklogOf(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  const int backlog = ToBacklog(info[1]);
  Translate(info.Env(), [&] { SetBacklog(fd, backlog); });
}

Napi::Value InspectListener(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  return ToJs(info.Env(), Translate(info.Env(), [&] { return Inspect(fd); }));
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
  return Translate(env, [&] { return Self(info).children.Spawn(env, options, on_exit); });
}

Napi::Value FindUserOf(const Napi::CallbackInfo& info) {
  const std::optional<User> found = Translate(info.Env(), [&] {
    return info[0].IsString() ? FindUser(ToText(info[0], "user")) : FindUser(ToId(info[0], "user"));
  });
  if (!found) return info.Env().Undefined();
  Napi::Object result = Napi::Object::New(info.Env());
  Napi::Array groups = Napi::Array::New(info.Env(), found->groups.size());
  for (std::uint32_t i = 0; i < found->groups.size(); ++i) groups.Set(i, found->groups[i]);
  result.Set("uid", found->uid);
  result.Set("gid", found->gid);
  result.Set("name", found->name);
  result.Set("home", found->home);
  result.Set("groups", groups);
  return result;
}

Napi::Value FindGroupOf(const Napi::CallbackInfo& info) {
  const std::string name = ToText(info[0], "name");
  const std::optional<gid_t> found = Translate(info.Env(), [&] { return FindGroup(name); });
  return found ? Napi::Number::New(info.Env(), *found) : info.Env().Undefined();
}

Napi::Value WatchMaster(const Napi::CallbackInfo& info) {
  RequireMainThread(info.Env(), "watchMaster()");
  const Napi::Object request = ToObject(info[0], "request");
  MasterProcess master = {};
  master.pid = static_cast<int>(ToInteger(request.Get("pid"), "pid", 1, kMaxInt));
  master.control_fd =
      static_cast<int>(ToInteger(request.Get("controlFd"), "controlFd", -1, kMaxInt));
  const Napi::Function on_death = ToFunction(info[1], "onDeath");
  return Translate(info.Env(),
                   [&] { return Self(info).master_watches.Watch(info.Env(), master, on_death); });
}

}  // namespace

Napi::Value ToBoundSocket(Napi::Env env, UniqueFd fd) {
  Napi::Object result = Napi::Object::New(env);
  SetName(result, NameOf(fd.Get()));
  result.Set("fd", fd.Get());
  fd.Release();
  return result;
}

void ExportPosix(Napi::Env env, Napi::Object exports, Posix* self) {
  RememberFileLimit();
  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name, self));
  };
  add("listen", Listen);
  add("setBacklog", SetBacklogOf);
  add("inspectListener", InspectListener);
  add("probeUnix", Probe);
  add("lockFile", Lock);
  add("spawn", SpawnChild);
  add("findUser", FindUserOf);
  add("findGroup", FindGroupOf);
  add("watchMaster", WatchMaster);
  exports.Set("unixPathMax", UnixPathMax());
  ExportFds(env, exports);
  ExportFdChannel(env, exports);
  ExportOutput(env, exports);
  ExportAcceptLines(env, exports);
  ExportScoreboard(env, exports);
}

}  // namespace prefork
