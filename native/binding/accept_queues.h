// Leaving the line of those who accept, as JavaScript sees it.
#pragma once

#include <napi.h>

namespace prefork {

// Adds acceptLines.
void ExportAcceptLines(Napi::Env env, Napi::Object exports);

}  // namespace prefork
