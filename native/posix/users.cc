#include "native/posix/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "native/core/sys_error.h"

namespace prefork {
namespace {

constexpr std::size_t kFirstRoom = 4096;

// Calls one of getpwuid_r(3), getpwnam_r(3) and getgrnam_r(3) with as much room as it needs for the
// strings of the entry, and returns what `read` makes of the entry.
template <typename Entry, typename Ask, typename Read>
auto LookUp(const char* syscall, Ask ask, Read read) -> std::optional<decltype(read(Entry()))> {
  std::vector<char> buffer(kFirstRoom);
  Entry entry;
  Entry* found = nullptr;
  int status;
  while ((status = ask(&entry, buffer.data(), buffer.size(), &found)) == ERANGE) {
    buffer.resize(buffer.size() * 2);
  }
  if (found != nullptr) return read(*found);
  // The manual pages list these, too, for "no such user".
  if (status == 0 || status == ENOENT || status == ESRCH || status == EBADF || status == EPERM)
    return std::nullopt;
  throw SysError(status, syscall);
}

User ToUser(const passwd& entry) {
  return User{entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir,
              ListGroups(entry.pw_name, entry.pw_gid)};
}

}  // namespace

std::optional<User> FindUser(uid_t uid) {
  return LookUp<passwd>(
      "getpwuid_r",
      [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
        return getpwuid_r(uid, entry, buffer, size, found);
      },
      ToUser);
}

std::optional<User> FindUser(const std::string& name) {
  return LookUp<passwd>(
      "getpwnam_r",
      [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
        return getpwnam_r(name.c_str(), entry, buffer, size, found);
      },
      ToUser);
}

std::optional<gid_t> FindGroup(const std::string& name) {
  return LookUp<group>(
      "getgrnam_r",
      [&](group* entry, char* buffer, std::size_t size, group** found) {
        return getgrnam_r(name.c_str(), entry, buffer, size, found);
      },
      [](const group& entry) { return entry.gr_gid; });
}

}  // namespace prefork
