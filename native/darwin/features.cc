#include "native/core/features.h"

#include <errno.h>
#include <sys/socket.h>

#include "native/core/sys_error.h"
#include "native/posix/accept_line.h"
#include "native/posix/unique_fd.h"

namespace prefork {
namespace {

Feature ProbeUnixSockets() {
  const UniqueFd local(socket(AF_UNIX, SOCK_STREAM, 0));
  if (local) return Yes("unixSockets");
  const int error = errno;
  return No("unixSockets",
            std::string("socket(AF_UNIX): ") + ErrorName(error) + ", " + ErrorText(error));
}

}  // namespace

std::vector<Feature> ProbeFeatures() {
  return {
      Yes("nativeSpawn"),
      No("reuseport",
         "SO_REUSEPORT of macOS lets sockets share an address, but does not spread connections "
         "over "
         "them"),
      No("sharding", "macOS has no SO_ATTACH_REUSEPORT_CBPF, and SO_REUSEPORT does not spread"),
      No("pidfd", "macOS has no process descriptors; exits are noticed through kqueue(2)"),
      No("parentDeathSignal",
         "macOS has no PR_SET_PDEATHSIG: the watch in the worker ends it, from its preload on"),
      ProbeUnixSockets(),
      No("queueDepth", "macOS does not tell the limit of an accept queue"),
      Yes("dropPrivileges"),
      {"acceptLine", WhyNoAcceptLine().empty(), WhyNoAcceptLine()},
      No("exclusiveAccept", WhyNoExclusiveAccept()),
  };
}

}  // namespace prefork
