#include "accept_lines.h"

#include <algorithm>
#include <utility>

namespace prefork {

AcceptLines::AcceptLines(uv_loop_s* loop, std::function<void(bool, DescriptorUse)> on_change)
    : on_change_(std::move(on_change)), hook_(loop, [this] { BeforePoll(); }) {}

std::shared_ptr<AcceptLines::Entry> AcceptLines::Add(int listener) {
  entries_.push_back(std::make_shared<Entry>(Entry{AcceptLine(hook_.poll_fd(), listener)}));
  if (!known_ && !poll_set_) poll_set_.emplace(hook_.poll_fd());
  hook_.Start();
  return entries_.back();
}

void AcceptLines::Remove(const std::shared_ptr<Entry>& entry) {
  const auto found = std::find(entries_.begin(), entries_.end(), entry);
  if (found == entries_.end()) return;
  entries_.erase(found);
  if (entries_.empty()) Stop();
}

void AcceptLines::Apply(Entry& entry) {
  const bool leave = entry.leave || short_;
  if (leave) {
    entry.out = Known() && entry.line.Leave();
  } else {
    entry.out = !entry.line.Enter();
  }
}

// Level-triggered: a queue that filled meanwhile is reported by the poll that follows.
void AcceptLines::BeforePoll() {
  Known();
  const bool was_short = std::exchange(short_, room_.Short());
  for (const auto& entry : entries_)
    if (entry->out != (entry->leave || short_)) Apply(*entry);
  if (was_short != short_) on_change_(short_, room_.Use());
}

bool AcceptLines::Known() {
  for (auto entry = entries_.begin(); !known_ && entry != entries_.end(); ++entry)
    known_ = poll_set_ && poll_set_->Has((*entry)->line.listener());
  if (known_) poll_set_.reset();
  return known_;
}

void AcceptLines::Stop() {
  entries_.clear();
  poll_set_.reset();
  hook_.Stop();
}

}  // namespace prefork
