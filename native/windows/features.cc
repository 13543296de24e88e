#include "native/core/features.h"

namespace prefork {

// Nothing to probe: the features are the same on every Windows that Node runs on.
std::vector<Feature> ProbeFeatures() {
  return {
      No("nativeSpawn", "workers are started by node:child_process, sockets are duplicated"),
      No("reuseport", "Windows has no SO_REUSEPORT: nothing spreads connections over sockets"),
      No("sharding", "Windows has no SO_REUSEPORT and nothing that steers connections"),
      Yes("pidfd"),
      Yes("parentDeathSignal"),
      No("unixSockets", "a unix socket of Windows can neither be duplicated nor adopted"),
      No("queueDepth", "Windows does not tell how full an accept queue is"),
      No("dropPrivileges", "Windows has no setuid(2): start the master as the user"),
      Yes("acceptLine"),
      No("exclusiveAccept",
         "every process that waits for a listener is woken: only Linux has EPOLLEXCLUSIVE"),
  };
}

}  // namespace prefork
