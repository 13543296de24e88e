// std::terminate() of libc++abi prints the type of the exception, and for its name alone links a demangler: 100 kB of 450. This
// one is found first, and leaves the name as it is.
#include <cstddef>

extern "C" char* __cxa_demangle(const char*, char*, std::size_t*, int* status) {
  constexpr int kInvalidName = -2;
  if (status != nullptr) *status = kInvalidName;
  return nullptr;
}
