// Where a connection has its mailbox.
//
// clang-format off
//     mailbox_place box;                                            // a member of the connection: one pointer
//     remote handle(box.open(*this, executor, hard_mark));          // the first remote makes the mailbox
//     handle.send("from any thread");                               // wakes the owner: owner.mail_arrived()
//     if (box.has_mail()) box.take(inside_message, put, queued);    // and before each send of the owner's own
// clang-format on
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "../../message/extension.hpp"
#include "mailbox.hpp"

namespace kindwire::net::detail {

// Holds an owner's mailbox: one pointer, null until a remote is asked for. Shuts it when destroyed, which
// must be while weak_from_this() of the owner still works: this is a member, and enable_shared_from_this a
// base.
class mailbox_place {
 public:
  mailbox_place() noexcept = default;
  mailbox_place(mailbox_place const&) = delete;
  mailbox_place& operator=(mailbox_place const&) = delete;
  ~mailbox_place() {
    if (box_ == nullptr) return;
    box_->shut();
    auto const last = std::move(box_->kept_);
  }

  // The mailbox, created by the first call, which may throw std::bad_alloc. Repeat on it any seal() and
  // shut() that came before.
  template <class Owner>
  std::shared_ptr<mailbox> open(Owner& owner, asio::any_io_executor const& executor, std::size_t hard_mark,
                                std::shared_ptr<message_encoder const> encoder = {}) {
    if (box_ == nullptr) {
      auto fresh = std::make_shared<mailbox>(owner, executor, hard_mark, std::move(encoder));
      box_ = fresh.get();
      box_->kept_ = std::move(fresh);
    }
    return box_->kept_;
  }

  // As above; no effect without a mailbox.
  bool is_open() const noexcept { return box_ != nullptr; }
  bool has_mail() const noexcept { return box_ != nullptr && box_->has_mail(); }
  std::size_t size() const noexcept { return box_ != nullptr ? box_->size() : 0; }
  template <class Put, class Queued>
  void take(bool inside_message, Put&& put, Queued&& queued) {
    if (box_ != nullptr) box_->take(inside_message, put, queued);
  }
  // What others have for the owner comes before what it does next.
  void deliver_from_sources() noexcept {
    if (box_ != nullptr) box_->sources().deliver();
  }
  void set_queued(std::size_t size) noexcept {
    if (box_ != nullptr) box_->set_queued(size);
  }
  std::size_t take_refused() noexcept { return box_ != nullptr ? box_->take_refused() : 0; }
  void seal() noexcept {
    if (box_ != nullptr) box_->seal();
  }
  void shut() noexcept {
    if (box_ != nullptr) box_->shut();
  }

 private:
  mailbox* box_ = nullptr;
};

}  // namespace kindwire::net::detail
