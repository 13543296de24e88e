#include "native/posix/accept_lines.h"

#include <algorithm>
#include <utility>

namespace prefork {

AcceptLines::AcceptLines(uv_loop_s* loop, Options options)
    : options_(std::move(options)),
      deal_(options_.counts.get(), options_.board.get(), options_.row),
      hook_(loop, [this] { BeforePoll(); }),
      timer_(loop) {}

std::shared_ptr<AcceptLines::Entry> AcceptLines::Add(int listener, bool exclusive) {
  entries_.push_back(
      std::make_shared<Entry>(Entry{AcceptLine(hook_.poll_fd(), listener, exclusive)}));
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
  if (Wanted(entry)) {
    entry.out = !entry.line.Enter();
  } else {
    entry.out = Known() && entry.line.Leave();
  }
}

void AcceptLines::ApplyAll() {
  for (const auto& entry : entries_)
    if (entry->out == Wanted(*entry)) Apply(*entry);
}

void AcceptLines::Turn(Entry& entry) {
  if (!entry.out && !entry.line.Turn()) entry.out = true;
}

void AcceptLines::TurnAll() {
  for (const auto& entry : entries_) Turn(*entry);
}

// Level-triggered: the poll that follows reports a queue that has filled meanwhile.
void AcceptLines::BeforePoll() {
  const bool known = Known();
  const bool was_short = std::exchange(short_, room_.Short());
  if (known) DealOut();
  ApplyAll();
  if (known) {
    for (const auto& entry : entries_)
      if (entry->line.Waits()) Turn(*entry);
  }
  deal_.Publish(
      std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) { return !entry->out; }));
  if (was_short != short_) options_.on_change(short_, room_.Use());
}

void AcceptLines::DealOut() {
  if (yields_) {
    if (!timer_.Fired()) return;
    yields_ = deal_.YieldsOn();
    if (yields_) timer_.Start(Deal::kNextLooks);
    return;
  }
  switch (deal_.Review()) {
    case Deal::Step::kStay:
      break;
    case Deal::Step::kTurn:
      TurnAll();
      break;
    case Deal::Step::kYield:
      yields_ = true;
      timer_.Start(Deal::kFirstLook);
      break;
  }
}

void AcceptLines::Look() {
  // A worker that yields comes back by itself, and looks then.
  if (Known()) TurnAll();
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
  deal_.Publish(false);
  timer_.Stop();
  hook_.Stop();
}

}  // namespace prefork
