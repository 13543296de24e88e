// The border on macOS: what every POSIX system has, and nothing else.
#include "native/binding/exports.h"
#include "native/binding/posix.h"

namespace prefork {

void ExportSystem(Napi::Env env, Napi::Object exports) {
  auto* self = new Posix();
  env.SetInstanceData(self);
  // Joins the threads while the environment is whole; the destructor of the instance would come
  // after it.
  env.AddCleanupHook([](Posix* instance) { instance->Stop(); }, self);
  ExportPosix(env, exports, self);
}

}  // namespace prefork
