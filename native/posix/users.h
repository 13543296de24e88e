// The databases of users and groups.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace prefork {

struct User {
  uid_t uid;
  gid_t gid;
  std::string name;
  std::string home;
  std::vector<gid_t> groups;
};

// Nothing when the user or group is not in the database. All throw SysError.
std::optional<User> FindUser(uid_t uid);
std::optional<User> FindUser(const std::string& name);
std::optional<gid_t> FindGroup(const std::string& name);
// The groups of a user, `gid` among them: as many as spawn.h can give to a process.
std::vector<gid_t> ListGroups(const char* user, gid_t gid);

}  // namespace prefork
