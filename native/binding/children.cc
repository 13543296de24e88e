#include "native/binding/children.h"

#include <signal.h>

#include <algorithm>

#include "native/binding/arguments.h"

namespace prefork {
namespace {

Napi::Value ToJs(Napi::Env env, std::optional<int> value) {
  return value ? Napi::Value(Napi::Number::New(env, *value)) : env.Null();
}

// Ends a child that no thread watches: the master would never notice its exit.
void Abandon(Process& process) {
  try {
    process.Kill(SIGKILL);
    process.AwaitEnd();
    process.Reap();
  } catch (const SysError&) {
    // kill(2) was refused. No kernel does that for a child whose ids it let this process choose,
    // and waiting for its end would take for ever. The caller gets the error of the watch.
  }
}

}  // namespace

void Children::StartWatch(Napi::Env env) {
  if (queue_) return;
  queue_ = ExitQueue::Open(
      env, "prefork:exits", Napi::Function(),
      [this](Napi::Env current, Napi::Function, ProcessWatch&, const ExitEvent& event) {
        OnExit(current, event);
      },
      [](auto push) {
        return std::make_shared<ProcessWatch>([push](std::uint64_t id, ProcessExit exit) {
          push({id, exit});
        });
      });
}

void Children::Unref(Napi::Env env, std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.keeps_loop_alive = false;
  KeepLoopAlive(env);
}

void Children::KeepLoopAlive(Napi::Env env) {
  if (!queue_) return;
  const bool waited_for = std::any_of(entries_.begin(), entries_.end(),
                                      [](const auto& e) { return e.second.keeps_loop_alive; });
  if (waited_for) {
    queue_->Ref(env);
  } else {
    queue_->Unref(env);
  }
}

void Children::StopWatchWhenIdle() {
  if (!entries_.empty() || !queue_) return;
  queue_->Close();
  queue_.reset();
}

Napi::Value Children::Spawn(Napi::Env env, const SpawnOptions& options, Napi::Function on_exit) {
  Spawned spawned = prefork::Spawn(options);
  auto process = std::make_shared<Process>(spawned.pid, std::move(spawned.pidfd));
  const std::uint64_t id = ++last_id_;
  try {
    entries_.emplace(id, Entry{process, Napi::Persistent(on_exit)});
    StartWatch(env);
    queue_->watch().Add(id, process);
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

void Children::OnExit(Napi::Env env, const ExitEvent& event) {
  const auto found = entries_.find(event.id);
  if (found == entries_.end()) return;
  const Napi::FunctionReference on_exit = std::move(found->second.on_exit);
  entries_.erase(found);
  ReportThrown(env, [&] {
    Napi::Object exit = Napi::Object::New(env);
    exit.Set("code", ToJs(env, event.exit.code));
    exit.Set("signal", ToJs(env, event.exit.signal));
    on_exit.Call({exit});
  });
  // After the call, which may have started a child, and whether or not it threw.
  StopWatchWhenIdle();
  KeepLoopAlive(env);
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
