#include "native/core/thread.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>

#include "native/core/sys_error.h"
#include "native/posix/thread_name.h"

namespace prefork {

std::thread StartThread(const char* name, std::function<void()> body) {
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  // A thread inherits the mask of its maker, pthread_create(3), so this one blocks signals from its
  // first instruction on.
  pthread_sigmask(SIG_SETMASK, &all, &old);
  try {
    std::thread thread([name, body = std::move(body)] {
      NameThread(name);
      body();
    });
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    return thread;
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    throw SysError(error.code().value(), "pthread_create");
  }
}

}  // namespace prefork
