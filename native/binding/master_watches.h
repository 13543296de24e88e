// The watch on the master as JavaScript sees it. One instance per environment.
#pragma once

#include <napi.h>

#include "native/binding/event_queue.h"
#include "native/core/master_watch.h"

namespace prefork {

class MasterWatches {
 public:
  // Throws SysError. The watch lives until close() or the end of the environment, not until
  // JavaScript forgets it.
  Napi::Value Watch(Napi::Env env, const MasterProcess& master, Napi::Function on_death);
  // Joins the threads. Idempotent.
  void Stop() { open_.Stop(); }

 private:
  struct Death {};

  EventQueues<MasterWatch, Death> open_;
};

}  // namespace prefork
