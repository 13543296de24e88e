// Addresses of sockets, from JavaScript and back.
#pragma once

#include <napi.h>

#include "native/binding/arguments.h"
#include "native/core/socket_address.h"

namespace prefork {

inline const char* FamilyName(Family family) {
  switch (family) {
    case Family::kIPv4:
      return "IPv4";
    case Family::kIPv6:
      return "IPv6";
    case Family::kUnix:
      return "unix";
    case Family::kOther:
      break;
  }
  return "other";
}

inline void SetName(Napi::Object object, const SocketName& name) {
  object.Set("family", FamilyName(name.family));
  object.Set("address", name.address);
  if (name.port) object.Set("port", *name.port);
}

inline Napi::Value ToJs(Napi::Env env, const Inspection& found) {
  Napi::Object result = Napi::Object::New(env);
  SetName(result, found.name);
  result.Set("type", found.stream ? "stream" : "other");
  result.Set("listening", found.listening);
  result.Set("nonBlocking", found.non_blocking);
  result.Set("closeOnExec", found.close_on_exec);
  result.Set("reusePort", found.reuse_port);
  result.Set("ipv6Only", found.ipv6_only);
  return result;
}

inline int ToBacklog(const Napi::Value& value) {
  return static_cast<int>(ToInteger(value, "backlog", 0, std::numeric_limits<int>::max()));
}

inline TcpAddress ToTcpAddress(const Napi::Object& request) {
  const std::string family = ToText(request.Get("family"), "family");
  if (family != "IPv4" && family != "IPv6")
    throw BadArgument(request.Env(), "family", "'IPv4', 'IPv6' or 'unix'");
  const bool six = family == "IPv6";
  const bool ipv6_only = ToFlag(request.Get("ipv6Only"), "ipv6Only");
  return {six ? Family::kIPv6 : Family::kIPv4, ToText(request.Get("address"), "address"),
          static_cast<int>(ToInteger(request.Get("port"), "port", 0, 65535)), six && ipv6_only};
}

}  // namespace prefork
