// Unix sockets with a name in no folder.
#pragma once

#include <string>

#include "native/posix/unique_fd.h"

namespace prefork {

// `name` is the whole address, NUL in front: how many NULs are behind it is a part of the name,
// unix(7).
UniqueFd ListenAbstract(const std::string& name, int backlog);

}  // namespace prefork
