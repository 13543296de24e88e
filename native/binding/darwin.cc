// The exports on macOS: those of every POSIX system, and no others.
#include "native/binding/exports.h"
#include "native/binding/posix.h"

namespace prefork {

void ExportSystem(Napi::Env env, Napi::Object exports) {
  auto* self = new Posix();
  env.SetInstanceData(self);
  // The hook joins the threads while the environment is whole; the destructor of the instance would
  // run after that.
  env.AddCleanupHook([](Posix* instance) { instance->Stop(); }, self);
  ExportPosix(env, exports, self);
}

}  // namespace prefork
