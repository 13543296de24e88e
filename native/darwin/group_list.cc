#include <limits.h>
#include <unistd.h>

#include "native/posix/users.h"

namespace prefork {

namespace {

// setgroups(2) takes NGROUPS_MAX = 16, and many a user of a Mac has more. One place is kept for a
// group id that is not among them (GroupList in darwin/spawn.cc).
constexpr int kMostGroups = NGROUPS_MAX - 1;

}  // namespace

// getgrouplist(3) fills the room that it gets, `gid` first, and returns -1 when there are more.
std::vector<gid_t> ListGroups(const char* user, gid_t gid) {
  std::vector<int> listed(kMostGroups);
  int count = kMostGroups;
  if (getgrouplist(user, static_cast<int>(gid), listed.data(), &count) < 0 || count > kMostGroups)
    count = kMostGroups;
  return std::vector<gid_t>(listed.begin(), listed.begin() + count);
}

}  // namespace prefork
