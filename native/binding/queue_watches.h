// Watches on accept queues as JavaScript sees them. One instance per environment.
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "native/binding/event_queue.h"
#include "native/linux/queue_watch.h"

namespace prefork {

constexpr std::chrono::milliseconds kQueueDelay(50);
constexpr std::int64_t kLongestQueueDelay = 60 * 60 * 1000;

class QueueWatches {
 public:
  // Throws SysError. The watch lives until close() or the end of the environment, not until
  // JavaScript forgets it.
  Napi::Value Watch(Napi::Env env, const std::vector<int>& fds, std::chrono::milliseconds delay,
                    int confirmations, Napi::Function on_waiting);
  // Joins the threads. Idempotent.
  void Stop() { open_.Stop(); }

 private:
  using Report = std::vector<QueueWatch::Waiting>;

  EventQueues<QueueWatch, Report> open_;
};

}  // namespace prefork
