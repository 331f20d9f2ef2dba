// Messages from other threads to a connection, packed in one block until it takes them.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
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
#include "../../message/extension.hpp"
#include "../../message/message.hpp"
#include "../../message/prepared_message.hpp"
#include "context_gate.hpp"
#include "handler_room.hpp"
#include "mail_bell.hpp"
#include "mail_record.hpp"
#include "mail_source.hpp"
#include "prefetch.hpp"
#include "target_of.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

// Whether the hard mark of a queue holds.
enum class marks : std::uint8_t {
  heeded,
  ignored,  // for what has been promised whole, however much it is
};

// Senders may be on any thread. The owner is an object held by shared_ptrs; it uses its side from its
// executor only, and takes the mail there. The mailbox does not keep the owner's memory, nor, once shut,
// anything of its context.
//
// The hard mark bounds the pending mail, what the owner reported as queued, and the next message together,
// each with its overhead. If nothing at all is queued, one message of any size is accepted.
class mailbox final : public mail_waker, public std::enable_shared_from_this<mailbox> {
  using context_executor = asio::io_context::executor_type;

 public:
  // The owner has weak_from_this() and mail_arrived(), which is called on `executor` when there is mail. The
  // pointer to it is used until shut(). `encoder` is its extension's, or null.
  template <class Owner>
  mailbox(Owner& owner, asio::any_io_executor const& executor, std::size_t hard_mark,
          std::shared_ptr<message_encoder const> encoder = {})
      : hard_mark_(hard_mark),
        owner_(&owner),
        bell_(mail_bell::of(executor)),
        gate_(target_of<context_executor>(executor) != nullptr ? nullptr : context_gate::of(executor)),
        executor_(executor),
        lock_owner_([](void* of) -> std::shared_ptr<void> {
          return static_cast<Owner*>(of)->weak_from_this().lock();
        }),
        tell_owner_([](void* of) { static_cast<Owner*>(of)->mail_arrived(); }),
        encoder_(std::move(encoder)) {}
  mailbox(mailbox const&) = delete;
  mailbox& operator=(mailbox const&) = delete;

  // The senders' side.

  // Errors, with nothing handed over: closed, send_queue_full, not_enough_memory.
  std::error_code send(message_type type, std::span<std::byte const> payload, compress how = compress::yes,
                       marks which = marks::heeded) {
    return hand_over(type, payload, encoding_for(how), which);
  }

  // The same for what `encode(buffer&)` appends. It may be a user's function: it is not called if there is no
  // room, and never under the lock. If it returns false: invalid_argument.
  template <class Encode>
  std::error_code send_encoded(message_type type, Encode&& encode, compress how = compress::yes) {
    if (auto const refusal = refuse(0)) return refusal;
    buffer encoded;  // a block from this thread's pool
    bool written = false;
    if (!try_allocating([&] { written = std::forward<Encode>(encode)(encoded); })) return no_memory();
    return written ? send(type, encoded.bytes(), how) : make_error_code(error::invalid_argument);
  }

  // The same for what other connections get as well. Errors also: invalid_argument.
  std::error_code send(prepared_message const& whole, compress how, marks which = marks::heeded) {
    if (!begins_message(whole.type())) return error::invalid_argument;
    if (how == compress::no || !encoder_) return send(whole.type(), whole.bytes(), how, which);
    if (auto const refusal = refuse(0, which)) return refusal;
    std::shared_ptr<prepared_message::encoding const> made;
    if (!try_allocating([&] { made = whole.encoded(encoder_); })) return no_memory();
    return made->payload ? hand_over(whole.type(), *made->payload, encoding::done, which)
                         : hand_over(whole.type(), whole.bytes(), encoding::unwanted, which);
  }

  // A Close, after everything handed over before; nothing is accepted after it. It may exceed the mark.
  // Errors: invalid_argument, closed, not_enough_memory.
  std::error_code close(close_code code, std::string_view reason) {
    if (auto const wrong = check_close(code, reason)) return wrong;
    std::array<std::byte, max_control_payload_size> room;
    auto const body = write_close_body(room, code, reason);
    std::lock_guard const lock(mutex_);
    if (sealed_) return error::closed;
    auto const outcome = add(message_type::close, body, encoding::unwanted);
    sealed_ = !outcome;
    return outcome;
  }

  // Has the owner take its mail, for a source of it. False if it has ended, or there is no memory.
  bool ring() {
    std::lock_guard const lock(mutex_);
    if (!executor_) return false;
    bool rung = woken_;
    return rung || (try_allocating([&] { rung = wake(); }) && rung);
  }

  // The owner's side.

  // True if mail is pending, including what the last take() left. Sees everything handed over before this
  // call, on this thread or on another if that happens before it: so an owner that takes mail before each
  // send of its own keeps the order.
  bool has_mail() const noexcept { return waiting_.load(std::memory_order_relaxed) != 0; }

  // Calls `put(message_type, std::span<std::byte const>, encoding)` for each pending message, in order, and
  // finally `queued()`, for set_queued(); until then, everything that was taken still counts. A Close comes
  // as a message with its body. A call from inside put() does nothing.
  //
  // Inside the owner's own fragmented message, only PING and PONG are put, and a Close with no data before it
  // (RFC 6455 §5.4): the rest stays until take() is called after the last fragment.
  //
  // Exceptions of put() propagate; the message stays, and all after it. The owner must live until this
  // returns.
  template <class Put, class Queued>
  void take(bool inside_message, Put&& put, Queued&& queued) {
    if (taking_) return;
    settling<Queued> const guard{*this, queued};
    if (!inside_message) hand_on(put);  // left when put() threw
    if (!taken_.empty()) return;
    fetch(inside_message);
    hand_on(put);
  }

  // The owner itself; null once it, or its context, has ended.
  void* owner() const noexcept { return owner_; }

  // Who else has mail for the owner.
  mail_sources& sources() noexcept { return sources_; }

  // Of the owner's extension; null if it has none, or that has none.
  std::shared_ptr<message_encoder const> const& encoder() const noexcept { return encoder_; }

  // From now on; before another thread has the mailbox.
  void count_refused() noexcept { counts_refused_ = true; }
  // How many calls have been answered with send_queue_full since this was asked.
  std::size_t take_refused() noexcept { return refused_.exchange(0, std::memory_order_relaxed); }

  // What the owner has queued and not yet written, in bytes. Call when that has changed, as a rule once per
  // turn.
  void set_queued(std::size_t size) noexcept { queued_.store(size, std::memory_order_release); }

  // Accepts nothing from now on. What was accepted before can still be taken, so that an owner that seals,
  // takes, and then writes its Close loses nothing and gets nothing late.
  void seal() noexcept {
    std::lock_guard const lock(mutex_);
    sealed_ = true;
  }

  // The owner or its context ends: the owner is no longer called, and pending mail is dropped.
  void shut() noexcept {
    // Destroyed while the context exists, as the last copy of a strand uses its context's services, and
    // outside the lock.
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
    give_back(mail);
    if (!taking_) give_back(taken_);
    sources_.end();
  }

  // Bytes pending, with overhead.
  std::size_t size() const noexcept { return waiting_.load(std::memory_order_relaxed); }

  // What a message costs besides its payload.
  static constexpr std::size_t overhead = mail_record::overhead;

 private:
  friend class mailbox_place;

  // Exact under the lock. Without it, a message being taken may be missed, but is not counted twice: it
  // leaves one count before it enters the other.
  std::error_code refuse(std::size_t payload_size, marks which = marks::heeded) noexcept {
    if (sealed_.load(std::memory_order_relaxed)) return error::closed;
    if (which == marks::ignored) return {};
    std::size_t const queued = queued_.load(std::memory_order_acquire);
    std::size_t const held = queued + waiting_.load(std::memory_order_relaxed);
    bool const fits = held < hard_mark_ && overhead + payload_size <= hard_mark_ - held;
    if (held == 0 || fits) return {};
    if (counts_refused_) refused_.fetch_add(1, std::memory_order_relaxed);
    return error::send_queue_full;
  }

  std::error_code hand_over(message_type type, std::span<std::byte const> payload, encoding coding,
                            marks which) {
    // Checked before locking too, so that threads that keep retrying do not keep the owner from the lock.
    if (auto const refusal = refuse(payload.size(), which)) return refusal;
    std::lock_guard const lock(mutex_);
    if (auto const refusal = refuse(payload.size(), which)) return refusal;
    return add(type, payload, coding);
  }

  // Under the lock, so that a message the owner could not be woken for is still the last one.
  std::error_code add(message_type type, std::span<std::byte const> payload, encoding coding) {
    std::size_t const before = mail_.size();
    bool const passes = mail_record::may_pass(type, data_ != 0);
    // An owner that has been woken takes everything; one that holds data back knows that it is there.
    bool const wakes = !woken_ && (!data_held_ || passes);
    bool added = false;
    bool const enough = try_allocating([&] {
      append(type, payload, coding);
      added = !wakes || wake();
    });
    if (!added) {
      mail_.truncate(before);
      if (before == 0) give_back(mail_);
      return enough ? make_error_code(error::closed) : no_memory();
    }
    if (!is_control(type)) ++data_;
    if (passes) ++passing_;
    count();
    return {};
  }

  void append(message_type type, std::span<std::byte const> payload, encoding coding) {
    if (bell_ && mail_.capacity() == 0)
      mail_ = bell_->blocks.take((std::max)(overhead + payload.size(), std::size_t{usual_size_}));
    mail_record const one{type, coding, payload};
    one.write(mail_.prepare(one.size(), hard_mark_).data());
    mail_.commit(one.size());
  }

  // Drops the bytes, and the storage: there may be many mailboxes without mail.
  void give_back(buffer& used) noexcept {
    if (bell_) return bell_->blocks.give(used);
    used.release();
  }

  // Posted on a strand's context, so that it takes no memory of its own.
  struct strand_wake {
    using allocator_type = handler_allocator<void>;
    std::shared_ptr<mailbox> of;
    allocator_type get_allocator() const noexcept { return allocator_type(of->wake_room_); }
    void operator()() const { of->wake_on_strand(); }
  };

  // False if the context is being destroyed. Asio calls no user code inside post(), and holds no lock of its
  // own while it calls ours: see context_gate.
  bool wake() {
    if (!gate_) return woken_ = bell_->ring(shared_from_this());
    return gate_->pass([this] {
      if (auto* const strand = target_of<asio::strand<context_executor>>(executor_))
        asio::post(strand->get_inner_executor(), strand_wake{shared_from_this()});
      else
        asio::post(executor_, [self = shared_from_this()] { self->on_wake(); });
      woken_ = true;
    });
  }

  // As a rule the strand is free, and what this dispatches takes the memory of the one before.
  void wake_on_strand() {
    std::unique_lock lock(mutex_);
    asio::any_io_executor const strand = executor_;
    lock.unlock();
    if (!strand) return;
    try {
      asio::dispatch(strand, [self = shared_from_this()] { self->on_wake(); });
    } catch (std::bad_alloc const&) {
      lock.lock();
      if (!std::exchange(woken_, false)) throw;  // by what on_wake() has led to
    }
  }

  void on_wake() override {
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
  void prepare_wake() const noexcept override { prefetch(owner_, 384); }
  void on_silence() noexcept override {
    std::lock_guard const lock(mutex_);
    woken_ = false;
  }

  void count() noexcept { waiting_.store(mail_.size() + taken_size_, std::memory_order_relaxed); }

  // However take() ends, updates the counts together: what is still here, and the owner's queue with what
  // came from here.
  template <class Queued>
  struct settling {
    mailbox& self;
    Queued& queued;

    settling(mailbox& of, Queued& by) noexcept : self(of), queued(by) { self.taking_ = true; }
    settling(settling const&) = delete;
    settling& operator=(settling const&) = delete;
    ~settling() {
      self.taking_ = false;
      if (self.taken_.empty() || self.owner_ == nullptr) self.give_back(self.taken_);
      std::size_t const size = queued();
      std::lock_guard const lock(self.mutex_);
      self.taken_size_ = self.taken_.size();
      self.count();
      self.set_queued(size);
    }
  };

  // Changes nothing if out of memory.
  void fetch(bool inside_message) {
    std::lock_guard const lock(mutex_);
    if (!inside_message) {
      usual_size_ = static_cast<std::uint16_t>((std::min)(mail_.size(), mail_blocks::largest));
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
    each_record([&](mail_record const& one, bool passes) {
      if (passes) passing.append({one.payload.data() - overhead, one.size()});
    });
    std::byte* const begin = mail_.bytes().data();
    std::byte* to = begin;
    each_record([&](mail_record const& one, bool passes) {
      if (passes) return;
      std::memmove(to, one.payload.data() - overhead, one.size());
      to += one.size();
    });
    mail_.truncate(static_cast<std::size_t>(to - begin));
    if (mail_.empty()) give_back(mail_);
    passing_ = 0;
    taken_ = std::move(passing);
  }

  template <class Use>
  void each_record(Use use) const {
    bool data_before = false;
    for (std::span<std::byte const> rest = mail_.bytes(); !rest.empty();) {
      mail_record const one = mail_record::first_of(rest);
      rest = rest.subspan(one.size());
      use(one, mail_record::may_pass(one.type, data_before));
      data_before = data_before || !is_control(one.type);
    }
  }

  // put() may lead to shut(): the rest is then dropped.
  template <class Put>
  void hand_on(Put& put) {
    while (!taken_.empty() && owner_ != nullptr) {
      mail_record const one = mail_record::first_of(taken_.bytes());
      put(one.type, one.payload, one.coding);
      taken_.consume(one.size());
    }
  }

  // What a sender needs of each message comes first: one that sends to many finds none of them in its cache.
  std::mutex mutex_;
  std::atomic<bool> sealed_{false};
  bool woken_ = false;            // on_wake() will be called
  bool data_held_ = false;        // the owner is inside a fragmented message, and has left data here
  std::uint16_t usual_size_ = 0;  // of what the owner took last
  std::size_t const hard_mark_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::size_t> queued_{0};
  void* owner_;  // written by the owner's side only, which may read it without the lock
  buffer mail_;
  std::size_t data_ = 0;                      // messages in mail_ that are not control frames
  std::size_t passing_ = 0;                   // those that may go inside a fragmented message
  std::size_t taken_size_ = 0;                // of taken_, as it was when the owner last settled
  std::shared_ptr<mail_bell> const bell_;     // null where the context is no io_context
  std::shared_ptr<context_gate> const gate_;  // null where the bell is rung
  handler_room wake_room_;
  asio::any_io_executor executor_;
  std::shared_ptr<void> (*const lock_owner_)(void*);
  void (*const tell_owner_)(void*);
  std::shared_ptr<message_encoder const> const encoder_;
  std::atomic<std::uint32_t> refused_{0};  // by the hard mark, if they are counted
  bool counts_refused_ = false;

  // For the owner only.
  mail_sources sources_;
  buffer taken_;
  bool taking_ = false;
  std::shared_ptr<mailbox> kept_;  // itself, for the owner's mailbox_place
};

}  // namespace kindwire::net::detail
