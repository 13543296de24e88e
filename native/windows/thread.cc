#include "native/core/thread.h"

#include <errno.h>

#include <system_error>

#include "native/core/sys_error.h"

namespace prefork {

// Without the name: SetThreadDescription() is missing before Windows 10 1607, and only a debugger
// shows the name.
std::thread StartThread(const char*, std::function<void()> body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error&) {
    throw SysError(EAGAIN, "CreateThread");
  }
}

}  // namespace prefork
