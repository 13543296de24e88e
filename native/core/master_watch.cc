#include "native/core/master_watch.h"

#include <mutex>

#include "native/core/master_deadlines.h"
#include "native/core/sleeper.h"
#include "native/core/thread.h"

namespace prefork {

using std::chrono::milliseconds;

struct MasterWatch::State {
  State(const MasterProcess& master, Sink on_death)
      : signs(MakeSignsOfLife()), deadlines(master.pid, std::move(on_death)) {
    if (!signs->Arm(master)) deadlines.NoteDeath();
  }

  const std::unique_ptr<SignsOfLife> signs;

  std::mutex mutex;  // guards what follows; held while the sink runs, so that Stop() excludes it
  bool stopped = false;
  MasterDeadlines deadlines;

  void Wake() { signs->Wake(); }

  void Run() {
    for (;;) {
      int timeout;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        if (stopped) return;
        timeout = deadlines.Step();
      }
      if (!signs->Wait(timeout)) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      deadlines.NoteDeath();
    }
  }
};

MasterWatch::MasterWatch(const MasterProcess& master, Sink on_death)
    : state_(std::make_shared<State>(master, std::move(on_death))) {
  thread_ = StartThread("prefork-parent", [state = state_] { state->Run(); });
}

MasterWatch::~MasterWatch() { Stop(); }

void MasterWatch::Configure(std::optional<milliseconds> grace, bool keep_death_signal) {
  if (!state_) return;
  bool dead;
  ChangeAndWake(*state_, [&](State& state) {
    state.deadlines.SetGrace(grace);
    dead = state.deadlines.Dead();
  });
  if (keep_death_signal) return;
  // A watch that is switched off on purpose (no grace) needs no proof that it works. A worker whose
  // master is known to be dead keeps its signal: the thread ends this process.
  if (grace && dead) return;
  state_->signs->ClearDeathSignal(grace.has_value());
}

void MasterWatch::ExitAfter(milliseconds delay, int code) {
  if (!state_) return;
  ChangeAndWake(*state_, [&](State& state) { state.deadlines.ExitAfter(delay, code); });
}

void MasterWatch::Stop() { StopSleeper(&state_, &thread_); }

}  // namespace prefork
