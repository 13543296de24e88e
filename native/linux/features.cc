#include "native/core/features.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "native/core/sys_error.h"
#include "native/linux/pidfd.h"
#include "native/linux/steering.h"
#include "native/posix/accept_line.h"
#include "native/posix/listener.h"
#include "native/posix/unique_fd.h"

namespace prefork {
namespace {

Feature Judge(const char* name, int status, const char* what) {
  if (status >= 0) return Yes(name);
  const int error = errno;
  return No(name, std::string(what) + ": " + ErrorName(error) + ", " + ErrorText(error));
}

UniqueFd TcpSocket() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fd.Reset(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return fd;
}

Feature ProbePidfd() {
  const UniqueFd self(OpenPidfd(getpid()));
  return Judge("pidfd", self.Get(),
               "pidfd_open(2), needs Linux 5.3 and no seccomp filter against it");
}

}  // namespace

std::vector<Feature> ProbeFeatures() {
  std::vector<Feature> features;
  features.push_back(Yes("nativeSpawn"));
  const UniqueFd tcp = TcpSocket();
  const int on = 1;
  features.push_back(Judge("reuseport",
                           setsockopt(tcp.Get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on),
                           "SO_REUSEPORT, socket(7)"));
  features.push_back(
      Judge("sharding", TrySteering(tcp.Get()), "SO_ATTACH_REUSEPORT_CBPF, socket(7)"));
  features.push_back(ProbePidfd());
  int signal = 0;
  features.push_back(Judge("parentDeathSignal", prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0),
                           "PR_SET_PDEATHSIG, prctl(2)"));
  const UniqueFd local(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  features.push_back(Judge("unixSockets", local.Get(), "unix(7)"));
  features.push_back(
      Judge("queueDepth", TryQueueInfo(tcp.Get()), "TCP_INFO with the fill of a queue, tcp(7)"));
  features.push_back(Yes("dropPrivileges"));
  const std::string missing = WhyNoAcceptLine();
  features.push_back({"acceptLine", missing.empty(), missing});
  const std::string alone = WhyNoExclusiveAccept();
  features.push_back({"exclusiveAccept", alone.empty(), alone});
  return features;
}

}  // namespace prefork
