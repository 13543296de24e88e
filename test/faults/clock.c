// Preloaded by clock.mjs: a wall clock that the suite sets, for every process that has it. PREFORK_FAULTS_CLOCK names a file with
// the nanoseconds that it is fast by; the monotonic clock stays as it is. Behind them the file has a byte for every pid: whoever asks for
// the time while the clock is wrong sets its own.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PIDS = 1 << 22 };

static const volatile int64_t *fast;
static volatile char *saw;

__attribute__((constructor)) static void open_clock(void) {
  const char *name = getenv("PREFORK_FAULTS_CLOCK");
  const int fd = name == NULL ? -1 : open(name, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  char *memory = mmap(NULL, sizeof *fast + PIDS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory != MAP_FAILED) {
    fast = (const volatile int64_t *)memory;
    saw = memory + sizeof *fast + getpid();
  }
  close(fd);
}

int clock_gettime(clockid_t id, struct timespec *now) {
  const int result = (int)syscall(SYS_clock_gettime, id, now);
  if (result != 0 || fast == NULL || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return result;
  const int64_t by = *fast;
  if (by != 0) *saw = 1;
  const int64_t all = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + by;
  now->tv_sec = all / 1000000000;
  now->tv_nsec = all % 1000000000;
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec exact;
  if (clock_gettime(CLOCK_REALTIME, &exact) != 0) return -1;
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (result != NULL) *result = exact.tv_sec;
  return exact.tv_sec;
}
