// The features that this system and kernel have. addon.cc exports them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace prefork {

struct Feature {
  const char* name;  // as in Features of lib/types.ts
  bool available;
  std::string reason;  // why it is not available
};

inline Feature Yes(const char* name) { return {name, true, ""}; }
inline Feature No(const char* name, std::string reason) { return {name, false, std::move(reason)}; }

// Asks the kernel anew with each call.
std::vector<Feature> ProbeFeatures();

}  // namespace prefork
