#include "native/binding/fd_messages.h"

#include "native/binding/arguments.h"
#include "native/binding/fds.h"
#include "native/posix/fd_channel.h"

namespace prefork {
namespace {

Napi::Value Channel(const Napi::CallbackInfo& info) {
  return Translate(info.Env(), [&] { return ToPair(info.Env(), MakeFdChannel()); });
}

Napi::Value Send(const Napi::CallbackInfo& info) {
  const int channel = ToFd(info[0], "fd");
  const Napi::Object message = ToObject(info[1], "message");
  const auto tag = static_cast<std::uint32_t>(
      ToInteger(message.Get("tag"), "tag", 0, std::numeric_limits<std::uint32_t>::max()));
  const std::vector<int> fds = ToList(message.Get("fds"), "fds", ToFd);
  const Napi::Value words = message.Get("text");
  const std::string text = words.IsUndefined() ? std::string() : ToText(words, "text");
  if (text.size() > kLongestText)
    throw BadArgument(info.Env(), "text", "a string of at most 8192 bytes");
  if ((fds.empty() && text.empty()) || fds.size() > kMostFdsInMessage)
    throw BadArgument(info.Env(), "fds", "an array of 1 to 64 descriptors");
  constexpr const char* kNames[] = {"sent", "full", "gone"};
  const SendResult result = Translate(info.Env(), [&] { return SendFds(channel, tag, text, fds); });
  return Napi::String::New(info.Env(), kNames[static_cast<int>(result)]);
}

// Blocks the thread: for the one call of Node that has to have its answer before it returns.
Napi::Value Await(const Napi::CallbackInfo& info) {
  const int channel = ToFd(info[0], "fd");
  const auto timeout = static_cast<int>(ToInteger(info[1], "timeout", 0, 60'000));
  Translate(info.Env(), [&] { AwaitFds(channel, timeout); });
  return info.Env().Undefined();
}

Napi::Value Receive(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int channel = ToFd(info[0], "fd");
  std::optional<FdMessage> message = Translate(env, [&] { return ReceiveFds(channel); });
  if (!message) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array fds = Napi::Array::New(env, message->fds.size());
  for (std::uint32_t i = 0; i < message->fds.size(); ++i) fds.Set(i, message->fds[i].Get());
  result.Set("tag", message->tag);
  result.Set("text", message->text);
  result.Set("fds", fds);
  for (UniqueFd& fd : message->fds) fd.Release();
  return result;
}

}  // namespace

void ExportFdChannel(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, auto function) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("fdChannel", Channel);
  add("sendFds", Send);
  add("recvFds", Receive);
  add("awaitFds", Await);
}

}  // namespace prefork
