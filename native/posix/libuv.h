// libuv's functions, looked up by name so that the addon loads where there are none. They have been
// the same in every libuv 1.x, uv_metrics_idle_time() since 1.39.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

struct uv_loop_s;

namespace prefork {

// As in uv.h: UV_HANDLE_TYPE_MAP, and the first field of every handle, which is the user's.
constexpr int kUvPrepare = 9;
constexpr int kUvTimer = 13;
struct UvHandle {
  void* data;
};

struct Libuv {
  int (*backend_fd)(const uv_loop_s*);
  std::size_t (*handle_size)(int);
  void (*update_time)(uv_loop_s*);
  std::uint64_t (*hrtime)();
  std::uint64_t (*metrics_idle_time)(uv_loop_s*);
  int (*prepare_init)(uv_loop_s*, UvHandle*);
  int (*prepare_start)(UvHandle*, void (*)(UvHandle*));
  int (*prepare_stop)(UvHandle*);
  int (*timer_init)(uv_loop_s*, UvHandle*);
  int (*timer_start)(UvHandle*, void (*)(UvHandle*), std::uint64_t, std::uint64_t);
  int (*timer_stop)(UvHandle*);
  void (*unref)(UvHandle*);
  // Which function this runtime lacks, in words; empty when it has all.
  std::string missing;
};

const Libuv& Uv();

// Room for a handle, never given back: closing one takes another turn of the loop. Throws SysError
// where libuv lacks something.
UvHandle* NewUvHandle(int type, void* data);

}  // namespace prefork
