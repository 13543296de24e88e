// Threads of the addon take no signals: those belong to Node's threads.
#pragma once

#include <functional>
#include <thread>

namespace prefork {

// Throws SysError("pthread_create").
std::thread StartThread(const char* name, std::function<void()> body);

}  // namespace prefork
