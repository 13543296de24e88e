// From the thread of a watch to JavaScript: a thread-safe function of Node-API together with the
// watch that feeds it. The classes that show a watch to JavaScript use it.
#pragma once

#include <napi.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace prefork {

// Runs `body`, which calls JavaScript from the event loop. Before Node-API 10 a throw out of a
// thread-safe function is only a deprecation warning (DEP0168), so this reports it as what it is:
// an uncaught exception.
template <typename Body>
void ReportThrown(Napi::Env env, Body body) {
  try {
    body();
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());
  }
}

// Main thread only, but for the function that the watch pushes with. `Watch` has a Stop(), which
// joins its threads and is idempotent.
template <typename Watch, typename Event>
class EventQueue {
 public:
  // Runs on the main thread for each event, never once Close() has been called. `callback` is the
  // one that Open() was given. What it throws is an uncaught exception.
  using Deliver =
      std::function<void(Napi::Env env, Napi::Function callback, Watch& watch, const Event& event)>;

  // `make` returns the watch, and is given the function that its threads push an event with. When
  // `make` throws, no thread may be left that pushes. The queue keeps the event loop alive until
  // Unref() or Close(). `callback` may be empty.
  template <typename Make>
  static std::shared_ptr<EventQueue> Open(Napi::Env env, const char* name, Napi::Function callback,
                                          Deliver deliver, Make make) {
    const auto queue = std::make_shared<EventQueue>(std::move(deliver));
    // Keeps the queue until Node has finished with the function, which may be long after Close().
    auto keeper = std::make_unique<std::shared_ptr<EventQueue>>(queue);
    queue->function_ = ThreadSafeFunction::New(
        env, callback, name, 0, 1, queue.get(),
        [](Napi::Env, std::shared_ptr<EventQueue>* self, EventQueue*) {
          (*self)->Finalize();
          delete self;
        },
        keeper.get());
    keeper.release();
    try {
      queue->watch_ = make([function = queue->function_](Event event) {
        auto owned = std::make_unique<Event>(std::move(event));
        // Refused while the environment ends: the event is freed here.
        if (function.NonBlockingCall(owned.get()) == napi_ok) owned.release();
      });
    } catch (...) {
      queue->function_.Release();
      throw;
    }
    queue->open_ = true;
    return queue;
  }

  explicit EventQueue(Deliver deliver) : deliver_(std::move(deliver)) {}
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  Watch& watch() { return *watch_; }
  void Ref(Napi::Env env) {
    if (open_) function_.Ref(env);
  }
  void Unref(Napi::Env env) {
    if (open_) function_.Unref(env);
  }

  // For JavaScript, which closes a watch, and for the end of the environment. Idempotent. The order
  // is the only safe one:
  //   1. The queue counts as closed. Events that are already in it are freed, not delivered: what
  //      JavaScript has closed must not call it.
  //   2. The threads of the watch end. One of them may be about to push.
  //   3. The function is released. From here on Node may free it, so no thread may use it.
  void Close() {
    if (!std::exchange(open_, false)) return;
    watch_->Stop();
    function_.Release();
  }

 private:
  static void Call(Napi::Env env, Napi::Function callback, EventQueue* self, Event* event) {
    const std::unique_ptr<Event> owned(event);
    // Without an environment this only frees the event; `self` may be gone.
    if (static_cast<napi_env>(env) == nullptr || !self->open_) return;
    ReportThrown(env, [&] { self->deliver_(env, callback, *self->watch_, *owned); });
  }
  using ThreadSafeFunction = Napi::TypedThreadSafeFunction<EventQueue, Event, Call>;

  // Node calls this after Close(), or when it tears the environment down, and frees the function
  // right after it: the order of Close() without the third step, which is Node's here.
  void Finalize() {
    if (std::exchange(open_, false)) watch_->Stop();
  }

  const Deliver deliver_;
  ThreadSafeFunction function_;
  std::shared_ptr<Watch> watch_;
  bool open_ = false;
};

// The queues of one environment that JavaScript has not closed. A queue lives until then or until
// the end of the environment, not until JavaScript forgets it.
template <typename Watch, typename Event>
class EventQueues {
 public:
  using Queue = EventQueue<Watch, Event>;

  EventQueues() = default;
  ~EventQueues() { Stop(); }
  EventQueues(const EventQueues&) = delete;
  EventQueues& operator=(const EventQueues&) = delete;

  void Add(std::shared_ptr<Queue> queue) { open_.push_back(std::move(queue)); }
  // The close() of a handle in JavaScript.
  Napi::Function CloseFunction(Napi::Env env, std::shared_ptr<Queue> queue) {
    return Napi::Function::New(
        env,
        [this, queue](const Napi::CallbackInfo&) {
          queue->Close();
          open_.erase(std::remove(open_.begin(), open_.end(), queue), open_.end());
        },
        "close");
  }
  // Joins the threads. Idempotent.
  void Stop() {
    for (const auto& queue : open_) queue->Close();
    open_.clear();
  }

 private:
  std::vector<std::shared_ptr<Queue>> open_;
};

}  // namespace prefork
