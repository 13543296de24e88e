// What both runtimes need. REPORTS is the folder of the reports, as build.mjs defines it.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#define EXPORTED extern "C" __attribute__((visibility("default")))

// One byte for every process that runs under the sanitizer: the runner counts them.
__attribute__((constructor)) static void CountProcess() {
  const int fd = open(REPORTS "/processes", O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = write(fd, "+", 1);
  close(fd);
}
