// The listeners that a worker accepts from, and the reasons to stay away from one: its server has
// no place (JavaScript says so), the process is short of descriptors (seen here, before the poll
// that would accept), or it holds more connections than its share (Deal).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "native/posix/accept_line.h"
#include "native/posix/board.h"
#include "native/posix/deal.h"
#include "native/posix/descriptor_room.h"
#include "native/posix/loop_hook.h"
#include "native/posix/loop_timer.h"

namespace prefork {

class AcceptLines {
 public:
  struct Entry {
    AcceptLine line;
    bool leave = false;  // the wish of JavaScript
    bool out = false;
  };
  struct Options {
    // Called before a poll, when descriptors have become short or have stopped being short.
    std::function<void(bool is_short, DescriptorUse use)> on_change;
    // See Deal.
    std::shared_ptr<const std::uint32_t> counts;
    std::unique_ptr<Board> board;
    std::uint32_t row = 0;
  };

  AcceptLines(uv_loop_s* loop, Options options);

  // `exclusive`: in line with the other processes that accept from it.
  std::shared_ptr<Entry> Add(int listener, bool exclusive);
  void Remove(const std::shared_ptr<Entry>& entry);
  // Leaves or enters now if libuv and the kernel allow it; otherwise it tries again before every
  // poll.
  void Apply(Entry& entry);
  // For a connection that waits although the kernel has woken a worker for it.
  void Look();
  void Stop();

 private:
  void BeforePoll();
  void DealOut();
  bool Known();
  bool Wanted(const Entry& entry) const {
    return !entry.leave && !short_ && !(yields_ && entry.line.exclusive());
  }
  void ApplyAll();
  void Turn(Entry& entry);
  void TurnAll();

  Options options_;
  Deal deal_;
  std::vector<std::shared_ptr<Entry>> entries_;
  DescriptorRoom room_;
  bool short_ = false;
  bool yields_ = false;
  LoopHook hook_;
  LoopTimer timer_;
  // Whether a listener was in the set of libuv, and where to look until then.
  bool known_ = false;
  std::optional<PollSet> poll_set_;
};

}  // namespace prefork
