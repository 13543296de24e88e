#include "native/binding/fds.h"

#include "native/binding/arguments.h"
#include "native/posix/activity.h"
#include "native/posix/fd.h"

namespace prefork {
namespace {

Napi::Value Waiting(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  return Napi::Number::New(info.Env(), Translate(info.Env(), [&] { return BytesWaiting(fd); }));
}

Napi::Value EndSilent(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  return Napi::Boolean::New(info.Env(), Translate(info.Env(), [&] { return EndIfSilent(fd); }));
}

void Close(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  Translate(info.Env(), [&] { CloseFd(fd); });
}

Napi::Value Dup(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  return Translate(info.Env(), [&] { return ToNumber(info.Env(), Duplicate(fd)); });
}

void CloseOnExec(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  Translate(info.Env(), [&] { SetCloseOnExec(fd); });
}

Napi::Value NonBlocking(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  return Napi::Boolean::New(info.Env(), Translate(info.Env(), [&] { return SetNonBlocking(fd); }));
}

Napi::Value SocketPair(const Napi::CallbackInfo& info) {
  return Translate(info.Env(), [&] { return ToPair(info.Env(), MakeSocketPair()); });
}

Napi::Value Pipe(const Napi::CallbackInfo& info) {
  return Translate(info.Env(), [&] { return ToPair(info.Env(), MakePipe()); });
}

Napi::Value Null(const Napi::CallbackInfo& info) {
  return Translate(info.Env(), [&] { return ToNumber(info.Env(), OpenNull()); });
}

Napi::Value OnTerminal(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), HasControllingTerminal());
}

}  // namespace

Napi::Value ToNumber(Napi::Env env, UniqueFd fd) {
  const Napi::Value number = Napi::Number::New(env, fd.Get());
  fd.Release();
  return number;
}

Napi::Value ToPair(Napi::Env env, std::pair<UniqueFd, UniqueFd> fds) {
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0U, fds.first.Get());
  pair.Set(1U, fds.second.Get());
  fds.first.Release();
  fds.second.Release();
  return pair;
}

void ExportFds(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("bytesWaiting", Waiting);
  add("endIfSilent", EndSilent);
  add("closeFd", Close);
  add("dupFd", Dup);
  add("setCloseOnExec", CloseOnExec);
  add("setNonBlocking", NonBlocking);
  add("socketPair", SocketPair);
  add("pipe", Pipe);
  add("openNull", Null);
  add("hasControllingTerminal", OnTerminal);
}

}  // namespace prefork
