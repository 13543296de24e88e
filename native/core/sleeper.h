// Changes the state of a watch while its thread sleeps, and wakes that thread. A `State` has a
// `mutex`, a `stopped` and a Wake(). The thread reads the state under the mutex whenever it wakes.
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

// Ends and joins the thread. It frees the state now, although the watch may live on. Does nothing
// for a thread that it has joined already.
template <typename State>
void StopSleeper(std::shared_ptr<State>* state, std::thread* thread) {
  if (!*state) return;
  ChangeAndWake(**state, [](State& sleeping) { sleeping.stopped = true; });
  thread->join();
  state->reset();
}

}  // namespace prefork
