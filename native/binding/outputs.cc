#include "native/binding/outputs.h"

#include "native/binding/arguments.h"
#include "native/posix/output.h"

namespace prefork {
namespace {

Napi::Value Write(const Napi::CallbackInfo& info) {
  const int fd = ToFd(info[0], "fd");
  if (!info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw BadArgument(info.Env(), "bytes", "a Uint8Array");
  const auto bytes = info[1].As<Napi::Uint8Array>();
  const std::size_t taken = Translate(info.Env(), [&] {
    return WriteNow(fd, reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
  });
  return Napi::Number::New(info.Env(), static_cast<double>(taken));
}

Napi::Value ReplaceTerminals(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(),
                            Translate(info.Env(), [] { return ReplaceDeadTerminals(); }));
}

void ReplaceStderr(const Napi::CallbackInfo&) { ReplaceFullStderr(); }

}  // namespace

void ExportOutput(Napi::Env env, Napi::Object exports) {
  exports.Set("writeNow", Napi::Function::New(env, Write, "writeNow"));
  exports.Set("replaceDeadTerminals",
              Napi::Function::New(env, ReplaceTerminals, "replaceDeadTerminals"));
  exports.Set("replaceFullStderr", Napi::Function::New(env, ReplaceStderr, "replaceFullStderr"));
}

}  // namespace prefork
