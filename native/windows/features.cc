#include "native/core/features.h"

namespace prefork {

// Nothing to probe: it is the same on every Windows that Node runs on.
const std::vector<Feature>& ProbeFeatures() {
  static const auto* features = new std::vector<Feature>{
      {"nativeSpawn", false, "workers are started by node:child_process, sockets are duplicated"},
      {"reuseport", false, "Windows has no SO_REUSEPORT: nothing spreads connections over sockets"},
      {"sharding", false, "Windows has no SO_REUSEPORT and nothing that steers connections"},
      {"pidfd", true, ""},
      {"parentDeathSignal", true, ""},
      {"unixSockets", false, "a unix socket of Windows can neither be duplicated nor adopted"},
      {"queueDepth", false, "Windows does not tell how full an accept queue is"},
      {"dropPrivileges", false, "Windows has no setuid(2): start the master as the user"},
      {"acceptLine", true, ""},
      {"exclusiveAccept", false,
       "every process that waits for a listener is woken: only Linux has EPOLLEXCLUSIVE"},
  };
  return *features;
}

}  // namespace prefork
