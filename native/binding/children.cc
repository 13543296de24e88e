#include "native/binding/children.h"

#include <signal.h>

#include <algorithm>

#include "native/binding/arguments.h"

namespace prefork {
namespace {

Napi::Value ToJs(Napi::Env env, std::optional<int> value) {
  return value ? Napi::Value(Napi::Number::New(env, *value)) : env.Null();
}

// A child that nobody watches would be orphaned in all but name.
void Abandon(Process& process) {
  try {
    process.Kill(SIGKILL);
    process.AwaitEnd();
    process.Reap();
  } catch (const SysError&) {
    // Not ours to kill, which no kernel says about a child whose ids it let us choose; waiting for
    // its end would then take for ever. The caller hears why nobody watches it.
  }
}

}  // namespace

void Children::StartWatch(Napi::Env env) {
  if (watch_) return;
  auto* keeper = new std::shared_ptr<ProcessWatch>();
  // The finalizer also runs when the environment is torn down, and right after it the queue is
  // gone: no thread may be left that would push into it.
  queue_ = ExitQueue::New(
      env, "prefork:exits", 0, 1, this,
      [](Napi::Env, std::shared_ptr<ProcessWatch>* watch, Children*) {
        if (*watch) (*watch)->Stop();
        delete watch;
      },
      keeper);
  try {
    watch_ = std::make_shared<ProcessWatch>([queue = queue_](std::uint64_t id, ProcessExit exit) {
      auto* event = new ExitEvent{id, exit};
      if (queue.NonBlockingCall(event) != napi_ok)
        delete event;  // the environment is on its way out
    });
    *keeper = watch_;
  } catch (...) {
    queue_.Release();
    throw;
  }
}

void Children::Unref(Napi::Env env, std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.keeps_loop_alive = false;
  KeepLoopAlive(env);
}

void Children::KeepLoopAlive(Napi::Env env) {
  if (!watch_) return;
  const bool waited_for = std::any_of(entries_.begin(), entries_.end(),
                                      [](const auto& e) { return e.second.keeps_loop_alive; });
  if (waited_for) {
    queue_.Ref(env);
  } else {
    queue_.Unref(env);
  }
}

void Children::StopWatchWhenIdle() {
  if (!entries_.empty() || !watch_) return;
  watch_->Stop();
  watch_.reset();
  queue_.Release();
}

Napi::Value Children::Spawn(Napi::Env env, const SpawnOptions& options, Napi::Function on_exit) {
  Spawned spawned = prefork::Spawn(options);
  auto process = std::make_shared<Process>(spawned.pid, std::move(spawned.pidfd));
  const std::uint64_t id = ++last_id_;
  try {
    entries_.emplace(id, Entry{process, Napi::Persistent(on_exit)});
    StartWatch(env);
    watch_->Add(id, process);
    KeepLoopAlive(env);
  } catch (...) {
    Abandon(*process);
    entries_.erase(id);
    StopWatchWhenIdle();
    throw;
  }
  Napi::Object child = Napi::Object::New(env);
  child.Set("pid", Napi::Number::New(env, spawned.pid));
  child.Set("kill", Napi::Function::New(
                        env,
                        [process](const Napi::CallbackInfo& info) -> Napi::Value {
                          const int signal = static_cast<int>(ToInteger(info[0], "signal", 0, 64));
                          const bool alive =
                              Translate(info.Env(), [&] { return process->Kill(signal); });
                          return Napi::Boolean::New(info.Env(), alive);
                        },
                        "kill"));
  child.Set("unref", Napi::Function::New(
                         env, [this, id](const Napi::CallbackInfo& info) { Unref(info.Env(), id); },
                         "unref"));
  return child;
}

void Children::OnExit(Napi::Env env, Napi::Function, Children* self, ExitEvent* event) {
  const std::unique_ptr<ExitEvent> owned(event);
  // Without an environment this only frees what was queued; `self` may be gone.
  if (static_cast<napi_env>(env) == nullptr) return;
  const auto found = self->entries_.find(event->id);
  if (found == self->entries_.end()) return;
  const Napi::FunctionReference on_exit = std::move(found->second.on_exit);
  self->entries_.erase(found);
  try {
    Napi::Object exit = Napi::Object::New(env);
    exit.Set("code", ToJs(env, event->exit.code));
    exit.Set("signal", ToJs(env, event->exit.signal));
    on_exit.Call({exit});
  } catch (const Napi::Error& error) {
    // Before Node-API 10 a throw out of a thread-safe function is only a deprecation warning
    // (DEP0168), so it is reported as what it is: an uncaught exception.
    napi_fatal_exception(env, error.Value());
  }
  self->StopWatchWhenIdle();
  self->KeepLoopAlive(env);
}

std::unordered_set<pid_t> Children::Pids() const {
  std::unordered_set<pid_t> pids;
  for (const auto& [id, entry] : entries_) pids.insert(entry.process->pid());
  return pids;
}

void Children::Stop() {
  entries_.clear();
  StopWatchWhenIdle();
}

}  // namespace prefork
