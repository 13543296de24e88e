// The entry of the addon, with the exports that are the same on every system. linux.cc, darwin.cc
// or windows.cc adds the others.
#include <napi.h>

#include "native/binding/exports.h"
#include "native/core/features.h"
#include "native/core/main_thread.h"

namespace prefork {
namespace {

Napi::Value Features(const Napi::CallbackInfo& info) {
  // Probed once per process. Never destroyed: other threads may look while the process exits.
  static const auto* features = new std::vector<Feature>(ProbeFeatures());
  Napi::Object result = Napi::Object::New(info.Env());
  Napi::Object reasons = Napi::Object::New(info.Env());
  for (const Feature& feature : *features) {
    result.Set(feature.name, feature.available);
    if (!feature.available) reasons.Set(feature.name, feature.reason);
  }
  result.Set("reasons", reasons);
  return result;
}

Napi::Value MainThread(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), OnMainThread());
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  ExportSystem(env, exports);
  // Getters, so that the addon probes only when JavaScript asks, which workers never do.
  exports.DefineProperty(
      Napi::PropertyDescriptor::Accessor(env, exports, "mainThread", MainThread, napi_enumerable));
  exports.DefineProperty(
      Napi::PropertyDescriptor::Accessor(env, exports, "features", Features, napi_enumerable));
  return exports;
}

NODE_API_MODULE(prefork, Init)

}  // namespace
}  // namespace prefork
