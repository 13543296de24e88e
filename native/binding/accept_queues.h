// Takes listeners out of the poll of the event loop and puts them back, for JavaScript.
#pragma once

#include <napi.h>

namespace prefork {

// Adds acceptLines.
void ExportAcceptLines(Napi::Env env, Napi::Object exports);

}  // namespace prefork
