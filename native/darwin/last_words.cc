#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "native/core/master_deadlines.h"
#include "native/core/sys_error.h"
#include "native/core/thread.h"

namespace prefork {
namespace {

constexpr std::chrono::seconds kTimeToWrite(1);

}  // namespace

// poll(2) skips a stderr that takes nothing. When another writer fills the pipe in between, this
// leaves the thread that writes where it is: macOS has no timer_create(2) whose SIGKILL would end
// it.
void SayLastWords(const char* text, std::size_t size) {
  pollfd item = {STDERR_FILENO, POLLOUT, 0};
  if (poll(&item, 1, 0) <= 0 || (item.revents & POLLOUT) == 0) return;
  const auto written = std::make_shared<std::promise<void>>();
  const std::future<void> done = written->get_future();
  try {
    StartThread("prefork-words", [written, words = std::string(text, size)] {
      // The process ends next, so a failure has no reader.
      const ssize_t ignored = write(STDERR_FILENO, words.data(), words.size());
      static_cast<void>(ignored);
      written->set_value();
    }).detach();
  } catch (const SysError&) {
    return;  // without a thread there are no words
  }
  done.wait_for(kTimeToWrite);
}

}  // namespace prefork
