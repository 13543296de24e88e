// The exports that touch descriptors 0-2.
#pragma once

#include <napi.h>

namespace prefork {

// Adds writeNow, replaceDeadTerminals and replaceFullStderr.
void ExportOutput(Napi::Env env, Napi::Object exports);

}  // namespace prefork
