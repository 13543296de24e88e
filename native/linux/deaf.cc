#include "native/linux/deaf.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "native/core/sys_error.h"

#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73
#endif

namespace prefork {
namespace {

// A listener drops packets below its limit, ip(7) IP_MINTTL. Beyond that of every client whose
// packets have passed a router, and of the usual systems: 64, 128.
constexpr int kTtlOfNoClient = 255;
constexpr int kNoLimit = 0;

void SetLimit(int fd, int level, int option, int value, const char* name) {
  if (setsockopt(fd, level, option, &value, sizeof value) != 0)
    throw SysError(errno, std::string("setsockopt(") + name + ")");
}

}  // namespace

void SetDeaf(int fd, bool deaf) {
  int domain = 0;
  socklen_t length = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0)
    throw SysError(errno, "getsockopt");
  if (domain != AF_INET && domain != AF_INET6)
    throw SysError(EAFNOSUPPORT, "setsockopt(IP_MINTTL)");
  const int limit = deaf ? kTtlOfNoClient : kNoLimit;
  // A dual-stack socket has both. Half deaf is of no use: no later call would lift that half.
  if (domain == AF_INET6) SetLimit(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, limit, "IPV6_MINHOPCOUNT");
  try {
    SetLimit(fd, IPPROTO_IP, IP_MINTTL, limit, "IP_MINTTL");
  } catch (const SysError&) {
    if (domain == AF_INET6 && deaf)
      SetLimit(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, kNoLimit, "IPV6_MINHOPCOUNT");
    throw;
  }
}

}  // namespace prefork
