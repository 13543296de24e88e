// Descriptors as JavaScript handles them: numbers that it owns.
#pragma once

#include <napi.h>

#include "unique_fd.h"

namespace prefork {

// The descriptor changes hands: whatever throws before closes it.
Napi::Value ToNumber(Napi::Env env, UniqueFd fd);
// Adds closeFd, dupFd, setCloseOnExec, setNonBlocking, socketPair, pipe, seqpacketPair, sendFds and
// recvFds.
void ExportFds(Napi::Env env, Napi::Object exports);

}  // namespace prefork
