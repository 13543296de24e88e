// Watches on the queues of listeners as JavaScript sees them. One instance per environment.
#pragma once

#include <napi.h>
#include <winsock2.h>

#include "native/binding/event_queue.h"
#include "native/windows/accept_watch.h"

namespace prefork {

class AcceptWatches {
 public:
  // Throws SysError. The watch lives until close() or the end of the environment, not until
  // JavaScript forgets it.
  Napi::Value Watch(Napi::Env env, SOCKET listener, Napi::Function on_waiting);
  // Joins the threads. Idempotent.
  void Stop() { open_.Stop(); }

 private:
  struct Waiting {};

  EventQueues<AcceptWatch, Waiting> open_;
};

}  // namespace prefork
