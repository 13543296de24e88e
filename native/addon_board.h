// The memory that the workers of a fleet share, as the master has it.
#pragma once

#include <napi.h>

namespace prefork {

void ExportBoard(Napi::Env env, Napi::Object exports);

}  // namespace prefork
