// The user database.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

namespace prefork {

struct UserGroups {
  gid_t gid;
  std::vector<gid_t> groups;
};

// Nothing when the user is not in the database. Throws SysError.
std::optional<UserGroups> FindUserGroups(uid_t uid);
// The groups of a user, `gid` among them: as many as spawn.h can give to a process.
std::vector<gid_t> ListGroups(const char* user, gid_t gid);

}  // namespace prefork
