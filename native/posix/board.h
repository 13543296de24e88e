// Memory that all workers of a fleet share, a row for each, in which a worker shows the others how
// busy it is. The numbers are hints. A worker writes its own row only, and none may rely on what
// another wrote.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "native/posix/shared_memory.h"

namespace prefork {

struct alignas(64) BoardRow {  // a cache line
  // Whether its process accepts now.
  std::atomic<std::uint32_t> accepts;
  // Connections that are open, and how many there ever were.
  std::atomic<std::uint32_t> held;
  std::atomic<std::uint32_t> accepted;
  // Of the event loop.
  std::atomic<std::uint32_t> turns;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

class Board {
 public:
  // The rows in use are the first ones: a reader stops at the last one that the master ever took.
  static constexpr std::uint32_t kRows = 1023;

  // Maps it; the descriptor stays the caller's. Throws SysError, also when it is no board.
  explicit Board(int fd);

  // In bytes.
  static constexpr off_t Size() { return sizeof(Memory); }

  // `row` is less than kRows.
  BoardRow& Row(std::uint32_t row) const { return memory_->rows[row]; }
  std::uint32_t Used() const;
  // In the master, for a new worker.
  void Take(std::uint32_t row);
  // In the master, when the worker of the row is gone.
  void Clear(std::uint32_t row);

 private:
  struct Memory {
    alignas(64) std::atomic<std::uint32_t> used;
    BoardRow rows[kRows];
  };

  SharedMemory shared_;
  Memory* memory_;
};

// No worker can make it smaller under the others. Throws SysError.
UniqueFd MakeBoard();

}  // namespace prefork
