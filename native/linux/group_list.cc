#include <grp.h>

#include <algorithm>

#include "native/posix/users.h"

namespace prefork {

std::vector<gid_t> ListGroups(const char* user, gid_t gid) {
  std::vector<gid_t> groups(32);
  for (;;) {
    int count = static_cast<int>(groups.size());
    const int listed = getgrouplist(user, gid, groups.data(), &count);
    groups.resize(listed >= 0 ? static_cast<std::size_t>(count)
                              : std::max(static_cast<std::size_t>(count), groups.size() * 2));
    if (listed >= 0) return groups;
  }
}

}  // namespace prefork
