// What this system and kernel can do.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace prefork {

struct Feature {
  const char* name;  // as in Features of lib/types.ts
  bool available;
  std::string reason;  // why not
};

inline Feature Yes(const char* name) { return {name, true, ""}; }
inline Feature No(const char* name, std::string reason) { return {name, false, std::move(reason)}; }

// Asks the kernel anew with each call.
std::vector<Feature> ProbeFeatures();

}  // namespace prefork
