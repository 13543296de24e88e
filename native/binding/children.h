// Children of this process as JavaScript sees them. One instance per environment; only the main one
// ever has children.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "native/binding/event_queue.h"
#include "native/posix/process_watch.h"
#include "native/posix/spawn.h"

namespace prefork {

class Children {
 public:
  Children() = default;
  ~Children() { Stop(); }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // Throws SysError. Calls `on_exit` once, after the reap, never before this returns.
  Napi::Value Spawn(Napi::Env env, const SpawnOptions& options, Napi::Function on_exit);
  std::unordered_set<pid_t> Pids() const;
  // Joins the threads and forgets the children, which live on. Idempotent.
  void Stop();

 private:
  struct Entry {
    std::shared_ptr<Process> process;
    Napi::FunctionReference on_exit;
    bool keeps_loop_alive = true;
  };
  struct ExitEvent {
    std::uint64_t id;
    ProcessExit exit;
  };
  using ExitQueue = EventQueue<ProcessWatch, ExitEvent>;

  void OnExit(Napi::Env env, const ExitEvent& event);
  void StartWatch(Napi::Env env);
  void Unref(Napi::Env env, std::uint64_t id);
  void KeepLoopAlive(Napi::Env env);
  void StopWatchWhenIdle();

  std::unordered_map<std::uint64_t, Entry> entries_;
  std::uint64_t last_id_ = 0;
  // Exists exactly while there are children: an idle master holds no thread and no descriptor. It
  // keeps the event loop alive for as long as an exit can come that the master waits for.
  std::shared_ptr<ExitQueue> queue_;
};

}  // namespace prefork
