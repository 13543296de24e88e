// The address of a listening socket, and what Inspect() finds out about it, on every system.
#pragma once

#include <optional>
#include <string>

namespace prefork {

enum class Family { kIPv4, kIPv6, kUnix, kOther };

struct TcpAddress {
  Family family;        // kIPv4 or kIPv6
  std::string address;  // numeric
  int port;
  bool ipv6_only;
};

struct SocketName {
  Family family = Family::kOther;
  std::string address;
  std::optional<int> port;
};

struct Inspection {
  SocketName name;
  bool stream = false;
  bool listening = false;
  bool non_blocking = false;
  bool close_on_exec = false;
  bool reuse_port = false;
  bool ipv6_only = false;
};

}  // namespace prefork
