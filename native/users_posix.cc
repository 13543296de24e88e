#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>

#include "sys_error.h"
#include "users.h"

namespace prefork {

std::optional<UserGroups> FindUserGroups(uid_t uid) {
  std::vector<char> buffer(4096);
  passwd entry;
  passwd* found = nullptr;
  int status;
  while ((status = getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found)) == ERANGE) {
    buffer.resize(buffer.size() * 2);
  }
  if (found == nullptr) {
    // getpwuid_r(3) lists these, too, for "no such user".
    if (status == 0 || status == ENOENT || status == ESRCH || status == EBADF || status == EPERM)
      return std::nullopt;
    throw SysError(status, "getpwuid_r");
  }
  UserGroups result = {entry.pw_gid, std::vector<gid_t>(32)};
  for (;;) {
    int count = static_cast<int>(result.groups.size());
    const int listed = getgrouplist(entry.pw_name, entry.pw_gid, result.groups.data(), &count);
    if (listed >= 0) {
      result.groups.resize(static_cast<std::size_t>(count));
      return result;
    }
    // -1 means "too many"; the count that comes back is not reliable on every system, so double as
    // well.
    result.groups.resize(std::max(static_cast<std::size_t>(count), result.groups.size() * 2));
  }
}

}  // namespace prefork
