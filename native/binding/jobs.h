// Job objects as JavaScript sees them. One instance per environment.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "native/windows/job.h"

namespace prefork {

class Jobs {
 public:
  // Throws SysError. The job lives until close() or the end of the environment, not until
  // JavaScript forgets it: its end may be that of a worker.
  Napi::Value Create(Napi::Env env, unsigned long pid);

 private:
  std::vector<std::shared_ptr<Job>> open_;
};

}  // namespace prefork
