#include "native/core/main_thread.h"

#include <windows.h>
// After windows.h, which it needs.
#include <tlhelp32.h>

#include <cstdint>
#include <limits>

#include "native/windows/unique_handle.h"

namespace prefork {
namespace {

std::uint64_t StartOf(unsigned long thread) {
  constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  const UniqueHandle handle(OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, thread));
  FILETIME created;
  FILETIME others[3];
  if (!handle || GetThreadTimes(handle.Get(), &created, &others[0], &others[1], &others[2]) == 0)
    return kNever;
  return static_cast<std::uint64_t>(created.dwHighDateTime) << 32 | created.dwLowDateTime;
}

// Windows does not say which thread of a process is the first: this takes the oldest one. The
// calling thread has not ended, and the main thread of Node does not end before the process.
unsigned long OldestThread() {
  const HANDLE listed = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
  if (listed == INVALID_HANDLE_VALUE) return GetCurrentThreadId();
  const UniqueHandle snapshot(listed);
  unsigned long oldest = GetCurrentThreadId();
  std::uint64_t start = StartOf(oldest);
  THREADENTRY32 entry = {};
  entry.dwSize = sizeof entry;
  for (BOOL more = Thread32First(snapshot.Get(), &entry); more != 0;
       more = Thread32Next(snapshot.Get(), &entry)) {
    if (entry.th32OwnerProcessID != GetCurrentProcessId()) continue;
    const std::uint64_t other = StartOf(entry.th32ThreadID);
    if (other >= start) continue;
    start = other;
    oldest = entry.th32ThreadID;
  }
  return oldest;
}

}  // namespace

bool OnMainThread() {
  static const unsigned long first = OldestThread();
  return GetCurrentThreadId() == first;
}

}  // namespace prefork
