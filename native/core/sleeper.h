// The thread of a watch sleeps until its state has changed. A `State` has a `mutex`, under which
// that thread looks at it whenever it wakes, a `stopped`, and Wake().
#pragma once

#include <memory>
#include <mutex>
#include <thread>

namespace prefork {

// Changes the state under its mutex, then wakes the thread.
template <typename State, typename Change>
void ChangeAndWake(State& state, Change change) {
  {
    const std::lock_guard<std::mutex> lock(state.mutex);
    change(state);
  }
  state.Wake();
}

// Ends and joins the thread. What the state owns goes now, and not when the last owner of the watch
// lets go of it. Does nothing for one that has ended.
template <typename State>
void StopSleeper(std::shared_ptr<State>* state, std::thread* thread) {
  if (!*state) return;
  ChangeAndWake(**state, [](State& sleeping) { sleeping.stopped = true; });
  thread->join();
  state->reset();
}

}  // namespace prefork
