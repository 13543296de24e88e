// What the addon exports on every POSIX system.
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

// Adds listen, setBacklog, inspectListener, probeUnix, lockFile, spawn, userGroups, watchMaster,
// acceptLines and what descriptors need. `self` lives as long as the environment.
void ExportPosix(Napi::Env env, Napi::Object exports, Posix* self);

// For the systems' own exports: the descriptor changes hands on the last line, whatever throws
// before closes it.
Napi::Value ToBoundSocket(Napi::Env env, UniqueFd fd);

}  // namespace prefork
