// The exports for the memory in which workers write what they count, and for what a process takes
// of the machine.
#pragma once

#include <napi.h>

namespace prefork {

void ExportScoreboard(Napi::Env env, Napi::Object exports);

}  // namespace prefork
