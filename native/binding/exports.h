// What the addon exports on this system; one addon_<system>.cc has it.
#pragma once

#include <napi.h>

namespace prefork {

// Once per environment. Stops what it starts when the environment ends.
void ExportSystem(Napi::Env env, Napi::Object exports);

}  // namespace prefork
