// Watches on the queues of listeners as JavaScript sees them. One instance per environment.
#pragma once

// Before <napi.h>, in case that includes windows.h.
#include <napi.h>
#include <winsock2.h>

#include <memory>
#include <vector>

#include "native/windows/accept_watch.h"

namespace prefork {

class AcceptWatches {
 public:
  AcceptWatches() = default;
  ~AcceptWatches() { Stop(); }
  AcceptWatches(const AcceptWatches&) = delete;
  AcceptWatches& operator=(const AcceptWatches&) = delete;

  // Throws SysError. The watch lives until close() or the end of the environment, not until
  // JavaScript forgets it.
  Napi::Value Watch(Napi::Env env, SOCKET listener, Napi::Function on_waiting);
  // Joins the threads. Idempotent.
  void Stop();

 private:
  std::vector<std::shared_ptr<AcceptWatch>> open_;
};

}  // namespace prefork
