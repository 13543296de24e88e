// Watches on accept queues as JavaScript sees them. One instance per environment.
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "native/linux/queue_watch.h"

namespace prefork {

constexpr std::chrono::milliseconds kQueueDelay(50);
constexpr std::int64_t kLongestQueueDelay = 60 * 60 * 1000;

class QueueWatches {
 public:
  QueueWatches() = default;
  ~QueueWatches() { Stop(); }
  QueueWatches(const QueueWatches&) = delete;
  QueueWatches& operator=(const QueueWatches&) = delete;

  // Throws SysError. The watch lives until close() or the end of the environment, not until
  // JavaScript forgets it.
  Napi::Value Watch(Napi::Env env, const std::vector<int>& fds, std::chrono::milliseconds delay,
                    int confirmations, Napi::Function on_waiting);
  // Joins the threads. Idempotent.
  void Stop();

 private:
  std::vector<std::shared_ptr<QueueWatch>> open_;
};

}  // namespace prefork
