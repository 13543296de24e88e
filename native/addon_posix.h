// What the addon exports on every POSIX system.
#pragma once

#include <napi.h>

#include <string>

#include "addon_children.h"
#include "addon_parent_watch.h"
#include "listener.h"

namespace prefork {

// Per environment: Node loads the addon once per process and calls Init once per worker thread.
struct Posix {
  Children children;
  ParentWatches parent_watches;

  // Joins the threads. Idempotent.
  void Stop() {
    children.Stop();
    parent_watches.Stop();
  }
};

// Adds listen, setBacklog, inspectListener, probeUnix, lockFile, spawn, userGroups, watchParent,
// acceptLines and what descriptors need. `self` lives as long as the environment.
void ExportPosix(Napi::Env env, Napi::Object exports, Posix* self);

// For the systems' own exports: the descriptor changes hands on the last line, whatever throws
// before closes it.
Napi::Value ToBoundSocket(Napi::Env env, UniqueFd fd);

}  // namespace prefork
