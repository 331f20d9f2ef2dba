// What other threads hand to a connection: messages, packed in one block until the connection takes them.
//
// clang-format off
//     mailbox_place box;                                            // a member of the connection: one pointer
//     remote handle(box.open(*this, executor, hard_mark));          // the first remote makes the mailbox
//     handle.send("from any thread");                               // wakes the owner: owner.mail_arrived()
//     if (box.has_mail()) box.take(inside_message, put, queued);    // and before each send of the owner's own
// clang-format on
#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../message/buffer.hpp"
#include "../../message/close.hpp"
#include "../../message/message.hpp"
#include "context_gate.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

// Senders may be on any thread. The owner is an object that shared_ptrs hold; it uses its side from its
// executor only, and takes the mail there. No memory of the owner's is kept by it, nor anything of its
// context once it is shut.
//
// The hard mark bounds what is handed over, what the owner said that it has queued, and the next message,
// each with what it costs to keep it: together they do not pass the mark. One message of any size is let in
// where nothing is queued at all.
class mailbox : public std::enable_shared_from_this<mailbox> {
 public:
  // The owner has weak_from_this() and mail_arrived(), which is called on `executor` when there is mail. The
  // pointer to it is used until shut().
  template <class Owner>
  mailbox(Owner& owner, asio::any_io_executor const& executor, std::size_t hard_mark)
      : gate_(context_gate::of(executor)),
        executor_(executor),
        owner_(&owner),
        lock_owner_([](void* of) -> std::shared_ptr<void> {
          return static_cast<Owner*>(of)->weak_from_this().lock();
        }),
        tell_owner_([](void* of) { static_cast<Owner*>(of)->mail_arrived(); }),
        hard_mark_(hard_mark) {}
  mailbox(mailbox const&) = delete;
  mailbox& operator=(mailbox const&) = delete;

  // The senders' side.

  // Errors, with nothing handed over: closed, send_queue_full, not_enough_memory.
  std::error_code send(message_type type, std::span<std::byte const> payload) {
    // Asked twice: threads that try again and again do not keep the owner from the lock.
    if (auto const refusal = refuse(payload.size())) return refusal;
    std::lock_guard const lock(mutex_);
    if (auto const refusal = refuse(payload.size())) return refusal;
    return add(type, payload);
  }

  // The same for what `encode(buffer&)` appends. It may be a user's function: it is not called where there is
  // no room for it, and never under the lock. Where it returns false: invalid_argument.
  template <class Encode>
  std::error_code send_encoded(message_type type, Encode&& encode) {
    if (auto const refusal = refuse(0)) return refusal;
    buffer encoded;  // a block that this thread keeps
    bool written = false;
    if (!try_allocating([&] { written = std::forward<Encode>(encode)(encoded); })) return no_memory();
    return written ? send(type, encoded.bytes()) : make_error_code(error::invalid_argument);
  }

  // A Close, behind all that was handed over before; nothing is accepted after it. Errors: invalid_argument,
  // closed, not_enough_memory. It is let in past the mark.
  std::error_code close(close_code code, std::string_view reason) {
    if (auto const wrong = check_close(code, reason)) return wrong;
    std::array<std::byte, max_control_payload_size> room;
    auto const body = write_close_body(room, code, reason);
    std::lock_guard const lock(mutex_);
    if (sealed_) return error::closed;
    auto const outcome = add(message_type::close, body);
    sealed_ = !outcome;
    return outcome;
  }

  // The owner's side.

  // True if something waits, also if that was left by the last take(). What was handed over before this call,
  // on this thread or where that happens before it on another, is seen: so an owner that takes it before each
  // send of its own keeps the order.
  bool has_mail() const noexcept { return waiting_.load(std::memory_order_relaxed) != 0; }

  // Calls `put(message_type, std::span<std::byte const>)` for each message that waits, in order, and at last
  // `queued()`, as set_queued() wants it; until then, everything that was taken still counts. A Close comes
  // as a message with its body. A call from inside of put() does nothing.
  //
  // Inside of the owner's own fragmented message only PING and PONG are put, and a Close with no data before
  // it (RFC 6455 §5.4): the rest stays until take() is called after the last fragment.
  //
  // What put() throws goes through; the message stays, and all behind it. The owner must live until this
  // returns.
  template <class Put, class Queued>
  void take(bool inside_message, Put&& put, Queued&& queued) {
    if (taking_) return;
    settling<Queued> const guard{*this, queued};
    if (!inside_message) hand_on(put);  // what put() threw at before
    if (!taken_.empty()) return;
    fetch(inside_message);
    hand_on(put);
  }

  // What the owner has queued and not yet written, in bytes. To be called when that has changed, as a rule
  // once a turn.
  void set_queued(std::size_t size) noexcept { queued_.store(size, std::memory_order_release); }

  // Accepts nothing from now on. What was accepted before waits to be taken: so nothing is lost, and nothing
  // comes late, where an owner seals, takes, and then writes its Close.
  void seal() noexcept {
    std::lock_guard const lock(mutex_);
    sealed_ = true;
  }

  // The owner ends, or its context: it is not called any more, and what waits is dropped.
  void shut() noexcept {
    // Gone while the context is there: the last copy of a strand uses its context's services. And destroyed
    // outside of the lock.
    asio::any_io_executor executor;
    buffer mail;
    {
      std::lock_guard const lock(mutex_);
      sealed_ = true;
      owner_ = nullptr;
      std::swap(executor, executor_);
      mail.swap(mail_);
      data_ = passing_ = taken_size_ = 0;
      waiting_.store(0, std::memory_order_relaxed);
    }
    if (!taking_) taken_.release();
  }

  // Bytes that wait, as they count.
  std::size_t size() const noexcept { return waiting_.load(std::memory_order_relaxed); }

  // What a message costs beside its payload.
  static constexpr std::size_t overhead = sizeof(std::uint64_t);

 private:
  friend class mailbox_place;

  // One message as it lies in the block: a word with its type and its size, then the payload.
  struct record {
    message_type type;
    std::span<std::byte const> payload;

    std::size_t size() const noexcept { return overhead + payload.size(); }
  };

  static std::uint64_t head_of(message_type type, std::size_t size) noexcept {
    return std::uint64_t{size} << 8 | static_cast<std::uint8_t>(type);
  }
  static record first_of(std::span<std::byte const> bytes) noexcept {
    std::uint64_t head;
    std::memcpy(&head, bytes.data(), sizeof head);
    return {static_cast<message_type>(head & 0xFF),
            bytes.subspan(overhead, static_cast<std::size_t>(head >> 8))};
  }

  // May go into the midst of a fragmented message.
  static bool may_pass(message_type type, bool data_before) noexcept {
    return is_control(type) && (type != message_type::close || !data_before);
  }

  // Exact under the lock. Without it, what is taken meanwhile may be missed, but is not seen twice: it leaves
  // the one count before it enters the other.
  std::error_code refuse(std::size_t payload_size) const noexcept {
    if (sealed_.load(std::memory_order_relaxed)) return error::closed;
    std::size_t const queued = queued_.load(std::memory_order_acquire);
    std::size_t const held = queued + waiting_.load(std::memory_order_relaxed);
    bool const fits = held < hard_mark_ && overhead + payload_size <= hard_mark_ - held;
    return held == 0 || fits ? std::error_code{} : make_error_code(error::send_queue_full);
  }

  // Under the lock, so that what the owner could not be woken for is the last that is there.
  std::error_code add(message_type type, std::span<std::byte const> payload) {
    std::size_t const before = mail_.size();
    bool const passes = may_pass(type, data_ != 0);
    // Once it has been woken the owner takes all that is there; while it holds data back, it knows of that.
    bool const wakes = !woken_ && (!data_held_ || passes);
    bool added = false;
    bool const enough = try_allocating([&] {
      append(type, payload);
      added = !wakes || wake();
    });
    if (!added) {
      mail_.truncate(before);
      if (before == 0) mail_.release();
      return enough ? make_error_code(error::closed) : no_memory();
    }
    if (!is_control(type)) ++data_;
    if (passes) ++passing_;
    count();
    return {};
  }

  void append(message_type type, std::span<std::byte const> payload) {
    auto const room = mail_.prepare(overhead + payload.size(), hard_mark_);
    std::uint64_t const head = head_of(type, payload.size());
    std::memcpy(room.data(), &head, overhead);
    if (!payload.empty()) std::memcpy(room.data() + overhead, payload.data(), payload.size());
    mail_.commit(overhead + payload.size());
  }

  // False where the context is going away. Asio calls nobody's code inside of post(), and has no lock of its
  // own while it calls ours: see context_gate.
  bool wake() {
    return gate_->pass([this] {
      asio::post(executor_, [self = shared_from_this()] { self->on_wake(); });
      woken_ = true;
    });
  }

  void on_wake() {
    std::shared_ptr<void> owner;
    void* at = nullptr;
    {
      std::lock_guard const lock(mutex_);
      woken_ = false;
      at = owner_;
      if (at != nullptr) owner = lock_owner_(at);
    }
    if (owner) tell_owner_(at);
  }

  void count() noexcept { waiting_.store(mail_.size() + taken_size_, std::memory_order_relaxed); }

  // However a take() ends, its room is what is still there, in the same moment in which the owner's queue is
  // counted with what came from here.
  template <class Queued>
  struct settling {
    mailbox& self;
    Queued& queued;

    settling(mailbox& of, Queued& by) noexcept : self(of), queued(by) { self.taking_ = true; }
    settling(settling const&) = delete;
    settling& operator=(settling const&) = delete;
    ~settling() {
      self.taking_ = false;
      if (self.taken_.empty() || self.owner_ == nullptr) self.taken_.release();
      std::size_t const size = queued();
      std::lock_guard const lock(self.mutex_);
      self.taken_size_ = self.taken_.size();
      self.count();
      self.set_queued(size);
    }
  };

  // Nothing is changed if there is no memory.
  void fetch(bool inside_message) {
    std::lock_guard const lock(mutex_);
    if (!inside_message) {
      taken_.swap(mail_);
      data_ = passing_ = 0;
    } else if (passing_ != 0) {
      fetch_what_passes();
    }
    data_held_ = data_ != 0;
    taken_size_ += taken_.size();  // what was put before counts until the owner settles
  }

  void fetch_what_passes() {
    buffer passing;
    each_record([&](record const& one, bool passes) {
      if (passes) passing.append({one.payload.data() - overhead, one.size()});
    });
    std::byte* const begin = mail_.bytes().data();
    std::byte* to = begin;
    each_record([&](record const& one, bool passes) {
      if (passes) return;
      std::memmove(to, one.payload.data() - overhead, one.size());
      to += one.size();
    });
    mail_.truncate(static_cast<std::size_t>(to - begin));
    if (mail_.empty()) mail_.release();
    passing_ = 0;
    taken_ = std::move(passing);
  }

  template <class Use>
  void each_record(Use use) const {
    bool data_before = false;
    for (std::span<std::byte const> rest = mail_.bytes(); !rest.empty();) {
      record const one = first_of(rest);
      rest = rest.subspan(one.size());
      use(one, may_pass(one.type, data_before));
      data_before = data_before || !is_control(one.type);
    }
  }

  // What put() does may end in shut(): then the rest is dropped.
  template <class Put>
  void hand_on(Put& put) {
    while (!taken_.empty() && owner_ != nullptr) {
      record const one = first_of(taken_.bytes());
      put(one.type, one.payload);
      taken_.consume(one.size());
    }
  }

  std::mutex mutex_;
  std::shared_ptr<context_gate> const gate_;
  asio::any_io_executor executor_;
  void* owner_;  // written by the owner's side alone, which may read it without the lock
  std::shared_ptr<void> (*const lock_owner_)(void*);
  void (*const tell_owner_)(void*);
  std::size_t const hard_mark_;

  buffer mail_;
  std::size_t data_ = 0;        // messages in mail_ that are not control frames
  std::size_t passing_ = 0;     // and such that may go into the midst of a fragmented message
  std::size_t taken_size_ = 0;  // of taken_, as it was when the owner last settled
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::size_t> queued_{0};
  std::atomic<bool> sealed_{false};
  bool woken_ = false;      // on_wake() is on its way
  bool data_held_ = false;  // the owner is inside of its own message, and has left data here

  // The owner's alone.
  buffer taken_;
  bool taking_ = false;
  std::shared_ptr<mailbox> kept_;  // itself, for the owner's mailbox_place
};

// Where an owner has its mailbox: one pointer, null until somebody asks for a remote. Shuts it in the end,
// which must be while weak_from_this() of the owner can still be asked: it is a member, and what has that a
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

  // The mailbox, made at the first call, when it may throw std::bad_alloc. Pass on shut() and seal() to it
  // where they came before.
  template <class Owner>
  std::shared_ptr<mailbox> open(Owner& owner, asio::any_io_executor const& executor, std::size_t hard_mark) {
    if (box_ == nullptr) {
      auto fresh = std::make_shared<mailbox>(owner, executor, hard_mark);
      box_ = fresh.get();
      box_->kept_ = std::move(fresh);
    }
    return box_->kept_;
  }

  // As above; nothing where there is no mailbox.
  bool is_open() const noexcept { return box_ != nullptr; }
  bool has_mail() const noexcept { return box_ != nullptr && box_->has_mail(); }
  template <class Put, class Queued>
  void take(bool inside_message, Put&& put, Queued&& queued) {
    if (box_ != nullptr) box_->take(inside_message, put, queued);
  }
  void set_queued(std::size_t size) noexcept {
    if (box_ != nullptr) box_->set_queued(size);
  }
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
