#include "native/core/sys_error.h"

namespace prefork {

int NodeErrno(int error) { return -error; }

}  // namespace prefork
