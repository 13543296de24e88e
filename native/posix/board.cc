#include "native/posix/board.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "native/core/sys_error.h"

namespace prefork {

Board::Board(int fd) {
  struct stat found = {};
  if (fstat(fd, &found) != 0) throw SysError(errno, "fstat");
  if (found.st_size != static_cast<off_t>(sizeof(Memory)))
    throw SysError(EINVAL, "mmap").Advise("the descriptor is no board of a fleet");
  void* memory = mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) throw SysError(errno, "mmap");
  memory_ = static_cast<Memory*>(memory);
}

Board::~Board() { munmap(memory_, sizeof(Memory)); }

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

}  // namespace prefork
