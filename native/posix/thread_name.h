// Each POSIX system names a thread in a way of its own.
#pragma once

namespace prefork {

// Names the calling thread for people who look at the process, so it ignores a failure. Linux: at
// most 15 bytes, pthread_setname_np(3).
void NameThread(const char* name);

}  // namespace prefork
