// The watch on the master as JavaScript sees it. One instance per environment.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "native/core/master_watch.h"

namespace prefork {

class MasterWatches {
 public:
  MasterWatches() = default;
  ~MasterWatches() { Stop(); }
  MasterWatches(const MasterWatches&) = delete;
  MasterWatches& operator=(const MasterWatches&) = delete;

  // Throws SysError. The watch lives until close() or the end of the environment, not until
  // JavaScript forgets it.
  Napi::Value Watch(Napi::Env env, const MasterProcess& master, Napi::Function on_death);
  // Joins the threads. Idempotent.
  void Stop();

 private:
  std::vector<std::shared_ptr<MasterWatch>> open_;
};

}  // namespace prefork
