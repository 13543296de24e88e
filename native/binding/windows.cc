// The exports on Windows. They check arguments, call the core and translate results, and decide
// nothing.
#include <errno.h>
#include <string.h>
#include <winsock2.h>

#include "native/binding/accept_watches.h"
#include "native/binding/addresses.h"
#include "native/binding/arguments.h"
#include "native/binding/exports.h"
#include "native/binding/jobs.h"
#include "native/binding/master_watches.h"
#include "native/windows/accept.h"
#include "native/windows/listener.h"
#include "native/windows/process_handle.h"
#include "native/windows/spawn_job.h"

namespace prefork {
namespace {

// Per environment: Node loads the addon once per process and calls Init once per worker thread.
struct Windows {
  AcceptWatches accept_watches;
  Jobs jobs;
  SpawnJob spawn_job;
  MasterWatches master_watches;
};

Windows& Self(const Napi::CallbackInfo& info) { return *static_cast<Windows*>(info.Data()); }

// Handles have 32 significant bits, MSDN "Interprocess Communication Between 32-bit and 64-bit
// Applications", and in practice far fewer.
SOCKET ToSocket(const Napi::Value& value, const std::string& name) {
  return static_cast<SOCKET>(ToInteger(value, name, 0, kMaxInt));
}

unsigned long ToPid(const Napi::Value& value) {
  return static_cast<unsigned long>(
      ToInteger(value, "pid", 1, std::numeric_limits<std::uint32_t>::max()));
}

// Hands the socket to JavaScript. An exception before that closes it.
Napi::Value ToNumber(Napi::Env env, UniqueSocket socket) {
  const Napi::Value number = Napi::Number::New(env, static_cast<double>(socket.Get()));
  socket.Release();
  return number;
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  const Napi::Object request = ToObject(info[0], "request");
  const int backlog = ToBacklog(request.Get("backlog"));
  const TcpAddress address = ToTcpAddress(request);
  const bool reuse_port = ToFlag(request.Get("reusePort"), "reusePort");
  return Translate(info.Env(), [&] {
    if (reuse_port) {
      throw SysError(ENOTSUP, "setsockopt")
          .At(address.address, address.port)
          .Advise("Windows has no SO_REUSEPORT");
    }
    UniqueSocket socket = ListenTcp(address, backlog);
    Napi::Object result = Napi::Object::New(info.Env());
    SetName(result, NameOf(socket.Get()));
    result.Set("fd", ToNumber(info.Env(), std::move(socket)));
    return result;
  });
}

Napi::Value InspectListener(const Napi::CallbackInfo& info) {
  const SOCKET socket = ToSocket(info[0], "socket");
  return ToJs(info.Env(), Translate(info.Env(), [&] { return Inspect(socket); }));
}

void CloseFd(const Napi::CallbackInfo& info) {
  const SOCKET socket = ToSocket(info[0], "socket");
  Translate(info.Env(), [&] { CloseSocket(socket); });
}

Napi::Value DuplicateSocket(const Napi::CallbackInfo& info) {
  const SOCKET socket = ToSocket(info[0], "socket");
  const unsigned long pid = ToPid(info[1]);
  const WSAPROTOCOL_INFOW copy = Translate(info.Env(), [&] { return DuplicateFor(socket, pid); });
  return Napi::Buffer<char>::Copy(info.Env(), reinterpret_cast<const char*>(&copy), sizeof copy);
}

Napi::Value AdoptSocket(const Napi::CallbackInfo& info) {
  WSAPROTOCOL_INFOW copy;
  const auto bytes = info[0].IsBuffer() ? info[0].As<Napi::Buffer<char>>() : Napi::Buffer<char>();
  if (bytes.IsEmpty() || bytes.Length() != sizeof copy)
    throw BadArgument(info.Env(), "info", "what duplicateSocket() returned");
  memcpy(&copy, bytes.Data(), sizeof copy);
  return Translate(info.Env(), [&] { return ToNumber(info.Env(), Adopt(copy)); });
}

Napi::Value AcceptOne(const Napi::CallbackInfo& info) {
  const SOCKET listener = ToSocket(info[0], "socket");
  return Translate(info.Env(), [&]() -> Napi::Value {
    UniqueSocket client = Accept(listener);
    if (!client) return info.Env().Undefined();
    return ToNumber(info.Env(), std::move(client));
  });
}

Napi::Value WatchAccepts(const Napi::CallbackInfo& info) {
  const SOCKET listener = ToSocket(info[0], "socket");
  const Napi::Function on_waiting = ToFunction(info[1], "onWaiting");
  return Translate(info.Env(), [&] {
    return Self(info).accept_watches.Watch(info.Env(), listener, on_waiting);
  });
}

Napi::Value CreateJob(const Napi::CallbackInfo& info) {
  const unsigned long pid = ToPid(info[0]);
  return Translate(info.Env(), [&] { return Self(info).jobs.Create(info.Env(), pid); });
}

Napi::Value HoldNewborns(const Napi::CallbackInfo& info) {
  const bool hold = ToFlag(info[0], "hold");
  const bool held = Translate(info.Env(), [&] { return Self(info).spawn_job.Hold(hold); });
  return Napi::Boolean::New(info.Env(), held);
}

void ShareNewborns(const Napi::CallbackInfo& info) {
  const unsigned long pid = ToPid(info[0]);
  Translate(info.Env(), [&] { Self(info).spawn_job.ShareWith(pid); });
}

// Counts in units of 100 ns since 1601: too much for a number of JavaScript.
std::uint64_t ToTime(const Napi::Value& value, const std::string& name) {
  const std::string text = ToText(value, name);
  constexpr std::size_t kMostDigits = 19;
  if (text.empty() || text.size() > kMostDigits ||
      text.find_first_not_of("0123456789") != std::string::npos) {
    throw BadArgument(value.Env(), name, "the startTime of a process");
  }
  return std::stoull(text);
}

Napi::Value StartTime(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), std::to_string(CreationTime(GetCurrentProcess())));
}

Napi::Value WatchMaster(const Napi::CallbackInfo& info) {
  const Napi::Object request = ToObject(info[0], "request");
  MasterProcess master = {};
  master.pid = static_cast<int>(ToInteger(request.Get("pid"), "pid", 1, kMaxInt));
  master.started = ToOptional(request.Get("started"), "started", ToTime).value_or(0);
  const Napi::Function on_death = ToFunction(info[1], "onDeath");
  return Translate(info.Env(),
                   [&] { return Self(info).master_watches.Watch(info.Env(), master, on_death); });
}

}  // namespace

void ExportSystem(Napi::Env env, Napi::Object exports) {
  auto* self = new Windows();
  env.SetInstanceData(self);
  // The hook joins the threads while the environment is whole; the destructor of the instance would
  // run after that.
  env.AddCleanupHook(
      [](Windows* instance) {
        instance->accept_watches.Stop();
        instance->master_watches.Stop();
      },
      self);
  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name, self));
  };
  add("listen", Listen);
  add("inspectListener", InspectListener);
  add("closeFd", CloseFd);
  add("duplicateSocket", DuplicateSocket);
  add("adoptSocket", AdoptSocket);
  add("accept", AcceptOne);
  add("watchAccepts", WatchAccepts);
  add("createJob", CreateJob);
  add("holdNewborns", HoldNewborns);
  add("shareNewborns", ShareNewborns);
  add("watchMaster", WatchMaster);
  exports.DefineProperty(
      Napi::PropertyDescriptor::Accessor(env, exports, "startTime", StartTime, napi_enumerable));
}

}  // namespace prefork
