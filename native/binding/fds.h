// Descriptors as JavaScript handles them: numbers that it owns.
#pragma once

#include <napi.h>

#include <utility>

#include "native/posix/unique_fd.h"

namespace prefork {

// Hands the descriptor to JavaScript. An exception before that closes it.
Napi::Value ToNumber(Napi::Env env, UniqueFd fd);
Napi::Value ToPair(Napi::Env env, std::pair<UniqueFd, UniqueFd> fds);
// Adds the functions that make, mark and close descriptors.
void ExportFds(Napi::Env env, Napi::Object exports);

}  // namespace prefork
