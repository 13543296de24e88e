// The watch on the master as JavaScript sees it. One instance per environment.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "parent_death.h"

namespace prefork {

class ParentWatches {
 public:
  ParentWatches() = default;
  ~ParentWatches() { Stop(); }
  ParentWatches(const ParentWatches&) = delete;
  ParentWatches& operator=(const ParentWatches&) = delete;

  // Throws SysError. The watch lives until close() or the end of the environment, not until
  // JavaScript forgets it.
  Napi::Value Watch(Napi::Env env, const MasterProcess& master, Napi::Function on_death);
  // Joins the threads. Idempotent.
  void Stop();

 private:
  std::vector<std::shared_ptr<ParentWatch>> open_;
};

}  // namespace prefork
