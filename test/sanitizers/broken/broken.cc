// An addon with one mistake of every kind. The runner calls each of them before anything else: a
// sanitizer that does not report it would not report ours.
#include <node_api.h>

#include <climits>
#include <cstdlib>
#include <thread>

namespace {

volatile int g_sink = 0;
int g_shared = 0;
int* volatile g_pointer = nullptr;

napi_value Overflow(napi_env, napi_callback_info) {
  int* volatile array = new int[4]();
  g_sink = array[4];
  delete[] array;
  return nullptr;
}

napi_value AfterFree(napi_env, napi_callback_info) {
  int* volatile number = new int(1);
  delete number;
  g_sink = *number;
  return nullptr;
}

__attribute__((noinline)) void KeepLocal() {
  int local = 1;
  g_pointer = &local;
}

napi_value AfterReturn(napi_env, napi_callback_info) {
  KeepLocal();
  g_sink = *g_pointer;
  return nullptr;
}

napi_value Undefined(napi_env, napi_callback_info) {
  volatile int most = INT_MAX;
  g_sink = most + 1;
  return nullptr;
}

napi_value Leak(napi_env, napi_callback_info) {
  for (int i = 0; i < 10; ++i) g_pointer = new int(i);
  g_pointer = nullptr;
  return nullptr;
}

napi_value Race(napi_env, napi_callback_info) {
  std::thread other([] { ++g_shared; });
  ++g_shared;
  other.join();
  return nullptr;
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback body) {
  napi_value function = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, body, nullptr, &function) != napi_ok ||
      napi_set_named_property(env, exports, name, function) != napi_ok)
    std::abort();
}

}  // namespace

NAPI_MODULE_INIT() {
  Export(env, exports, "overflow", Overflow);
  Export(env, exports, "afterFree", AfterFree);
  Export(env, exports, "afterReturn", AfterReturn);
  Export(env, exports, "undefined", Undefined);
  Export(env, exports, "leak", Leak);
  Export(env, exports, "race", Race);
  return exports;
}
