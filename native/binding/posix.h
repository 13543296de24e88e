// The exports that Linux and macOS share.
#pragma once

#include <napi.h>

#include <string>

#include "native/binding/children.h"
#include "native/binding/master_watches.h"
#include "native/posix/listener.h"

namespace prefork {

// Per environment: Node loads the addon once per process and calls Init once per worker thread.
struct Posix {
  Children children;
  MasterWatches master_watches;

  // Joins the threads. Idempotent.
  void Stop() {
    children.Stop();
    master_watches.Stop();
  }
};

// Adds listen, setBacklog, inspectListener, probeUnix, lockFile, spawn, findUser, findGroup, watchMaster,
// acceptLines and the functions for descriptors, their channels and output. `self` lives as long as the
// environment.
void ExportPosix(Napi::Env env, Napi::Object exports, Posix* self);

// For the exports of one system, too. The last line hands the descriptor to JavaScript; an
// exception before it closes the descriptor.
Napi::Value ToBoundSocket(Napi::Env env, UniqueFd fd);

}  // namespace prefork
