// The listeners that a worker accepts from, and the two reasons to stay away from one: its server
// has no place (JavaScript says so), or the process is short of descriptors (seen here, before the
// poll that would accept).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "accept_line.h"
#include "descriptor_room.h"
#include "loop_hook.h"

namespace prefork {

class AcceptLines {
 public:
  struct Entry {
    AcceptLine line;
    bool leave = false;  // what JavaScript wants
    bool out = false;
  };

  // `on_change`: descriptors have become short, or are not any more. Called before a poll.
  AcceptLines(uv_loop_s* loop, std::function<void(bool is_short, DescriptorUse use)> on_change);

  std::shared_ptr<Entry> Add(int listener);
  void Remove(const std::shared_ptr<Entry>& entry);
  // Does what can be done now; what libuv or the kernel does not let be done is tried again before
  // every poll.
  void Apply(Entry& entry);
  void Stop();

 private:
  void BeforePoll();
  bool Known();

  std::function<void(bool, DescriptorUse)> on_change_;
  std::vector<std::shared_ptr<Entry>> entries_;
  DescriptorRoom room_;
  bool short_ = false;
  LoopHook hook_;
  // Whether a listener was seen to be there, and where to look until then.
  bool known_ = false;
  std::optional<PollSet> poll_set_;
};

}  // namespace prefork
