#include "native/posix/users.h"

#include <errno.h>
#include <pwd.h>

#include "native/core/sys_error.h"

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
  return UserGroups{entry.pw_gid, ListGroups(entry.pw_name, entry.pw_gid)};
}

}  // namespace prefork
