// Descriptors on their way to another process, as JavaScript sends and receives them.
#pragma once

#include <napi.h>

namespace prefork {

// Adds fdChannel, sendFds, recvFds and awaitFds.
void ExportFdChannel(Napi::Env env, Napi::Object exports);

}  // namespace prefork
