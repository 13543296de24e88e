#include "native/posix/board.h"

#include <algorithm>

namespace prefork {

Board::Board(int fd)
    : shared_(fd, Size(), 0, sizeof(Memory)), memory_(static_cast<Memory*>(shared_.data())) {}

// Another process may have written anything.
std::uint32_t Board::Used() const {
  return std::min(memory_->used.load(std::memory_order_relaxed), kRows);
}

void Board::Take(std::uint32_t row) {
  Clear(row);
  if (Used() <= row) memory_->used.store(row + 1, std::memory_order_relaxed);
}

void Board::Clear(std::uint32_t row) {
  BoardRow& cleared = Row(row);
  for (std::atomic<std::uint32_t>* field :
       {&cleared.accepts, &cleared.held, &cleared.accepted, &cleared.turns})
    field->store(0, std::memory_order_relaxed);
}

UniqueFd MakeBoard() { return MakeSharedMemory("prefork-board", Board::Size()); }

}  // namespace prefork
