// The exports of one system: linux.cc, darwin.cc or windows.cc implements this for addon.cc.
#pragma once

#include <napi.h>

namespace prefork {

// Called once per environment. The threads that the exports start end with the environment.
void ExportSystem(Napi::Env env, Napi::Object exports);

}  // namespace prefork
