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

constexpr std::chrono::seconds kLastWords(1);

}  // namespace

// poll(2) skips what cannot be written to. Should another writer fill the pipe in between, the
// thread that writes is left where it is: there is no timer_create(2) whose SIGKILL would end it.
void SayLastWords(const char* text, std::size_t size) {
  pollfd item = {STDERR_FILENO, POLLOUT, 0};
  if (poll(&item, 1, 0) <= 0 || (item.revents & POLLOUT) == 0) return;
  const auto written = std::make_shared<std::promise<void>>();
  const std::future<void> done = written->get_future();
  try {
    StartThread("prefork-words", [written, words = std::string(text, size)] {
      // Nobody is left to tell about a failure.
      const ssize_t ignored = write(STDERR_FILENO, words.data(), words.size());
      static_cast<void>(ignored);
      written->set_value();
    }).detach();
  } catch (const SysError&) {
    return;  // no thread to be had: without words, then
  }
  done.wait_for(kLastWords);
}

}  // namespace prefork
