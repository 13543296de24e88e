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

// Probes once per process.
const std::vector<Feature>& ProbeFeatures();

}  // namespace prefork
