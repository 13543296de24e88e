#include <windows.h>

#include <string>

#include "native/core/master_deadlines.h"
#include "native/windows/unique_handle.h"

namespace prefork {
namespace {

DWORD WINAPI Write(void* text) {
  const auto& words = *static_cast<const std::string*>(text);
  DWORD written;
  // The process ends next, so a failure has no reader.
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), words.data(), static_cast<DWORD>(words.size()),
            &written, nullptr);
  return 0;
}

}  // namespace

// Windows does not say whether a write would wait, for a full pipe or for the main thread that
// waits for one. So a thread of its own writes. The words are never freed: that thread may still
// read them when the process ends.
void SayLastWords(const char* text, std::size_t size) {
  constexpr DWORD kTimeToWriteMs = 1000;
  auto* words = new std::string(text, size);
  const UniqueHandle thread(CreateThread(nullptr, 0, Write, words, 0, nullptr));
  if (thread) WaitForSingleObject(thread.Get(), kTimeToWriteMs);
}

}  // namespace prefork
