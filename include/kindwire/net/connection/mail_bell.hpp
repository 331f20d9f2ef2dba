// Wakes the owners of mailboxes, many at a time, and keeps blocks for their mail.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/strand.hpp>
#include <bit>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "../../message/buffer.hpp"
#include "handler_room.hpp"
#include "prefetch.hpp"
#include "target_of.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

// Blocks that one thread fills and another empties: what the pool of one had, the other's would get. As many
// are kept as are used at a time, up to a limit. Thread safe.
class mail_blocks {
 public:
  static constexpr std::size_t largest = 16384;  // that is kept: copying more costs more than memory for it

  // An empty block with room for `size` bytes. May throw std::bad_alloc.
  buffer take(std::size_t size) {
    std::size_t const index = index_of(size);
    buffer block;
    if (index < all_.size()) {
      std::array<std::vector<buffer>, classes> unused;  // freed without the lock
      std::lock_guard const lock(mutex_);
      if (++taken_ % most_taken == 0) give_up(unused);
      kept& those = all_[index];
      if (!those.blocks.empty()) {
        block.swap(those.blocks.back());
        those.blocks.pop_back();
        those.least = (std::min)(those.least, those.blocks.size());
        size_ -= block.capacity();
        return block;
      }
    }
    block.prepare(size);
    return block;
  }

  // Takes back a block, whose bytes are dropped.
  void give(buffer& used) noexcept {
    buffer block = std::move(used);  // freed without the lock, unless it is kept
    block.clear();
    std::size_t const index = index_of(block.capacity());
    if (block.capacity() == 0 || index >= all_.size()) return;
    std::lock_guard const lock(mutex_);
    if (size_ + block.capacity() > most_kept) return;
    std::size_t const size = block.capacity();
    if (try_allocating([&] { all_[index].blocks.push_back(std::move(block)); })) size_ += size;
  }

 private:
  // Powers of two, as buffers have them.
  static constexpr std::size_t smallest = kindwire::detail::block_pool::smallest;
  static constexpr std::size_t classes = std::bit_width(largest / smallest);
  static constexpr std::size_t most_kept = std::size_t{4} << 20;
  static constexpr std::size_t most_taken = std::size_t{1} << 16;  // before what is unused is given up

  static std::size_t index_of(std::size_t size) noexcept {
    return size <= smallest ? 0 : static_cast<std::size_t>(std::bit_width((size - 1) / smallest));
  }

  struct kept {
    std::vector<buffer> blocks;
    std::size_t least = 0;  // that were there since what was unused was given up
  };

  void give_up(std::array<std::vector<buffer>, classes>& unused) noexcept {
    for (std::size_t i = 0; i != classes; ++i) {
      kept& those = all_[i];
      for (; those.least != 0; --those.least) {
        size_ -= those.blocks.back().capacity();
        if (!try_allocating([&] { unused[i].push_back(std::move(those.blocks.back())); }))
          those.blocks.back().release();
        those.blocks.pop_back();
      }
      those.least = those.blocks.size();
    }
  }

  std::mutex mutex_;
  std::array<kept, classes> all_;
  std::size_t size_ = 0;
  std::size_t taken_ = 0;  // blocks, so far
};

// One who is to be called on a context.
class mail_waker {
 public:
  // Called for a ring(), on the context. What it leads to may throw.
  virtual void on_wake() = 0;
  // Instead of on_wake(), if that of another has thrown, and there is no memory for ringing again.
  virtual void on_silence() noexcept = 0;
  // Called shortly before on_wake(), as a rule, for prefetching what that needs.
  virtual void prepare_wake() const noexcept = 0;

 protected:
  ~mail_waker() = default;
};

// Of an io_context. A post costs as much as all the rest of handing over a short
// message, and one that goes to many connections would need as many: here one post calls all who have rung
// until its turn comes, on the one thread that runs the context. Connections on
// strands need a post each, but share the blocks.
//
// Open until destruction of its context begins, as a context_gate is. Lock order: a mailbox's, this one's,
// Asio's own. Thread safe.
class mail_bell : public std::enable_shared_from_this<mail_bell> {
 public:
  explicit mail_bell(asio::io_context::executor_type const& executor) noexcept : executor_(executor) {}
  mail_bell(mail_bell const&) = delete;
  mail_bell& operator=(mail_bell const&) = delete;

  // That of an io_context, made on first use, for its executor or a strand on it; null for any other. Call
  // while the context is in use. May throw std::bad_alloc.
  static std::shared_ptr<mail_bell> of(asio::any_io_executor const& executor);

  // False if the context is being destroyed. May throw std::bad_alloc; then nothing has changed.
  bool ring(std::shared_ptr<mail_waker> who) {
    std::lock_guard const lock(mutex_);
    if (ended_) return false;
    rung_.push_back(std::move(who));
    if (posted_) return true;
    try {
      post();
    } catch (...) {
      rung_.pop_back();
      throw;
    }
    return true;
  }

  // The context is being destroyed. Those who have rung are dropped.
  void end() noexcept {
    std::vector<std::shared_ptr<mail_waker>> dropped;  // destroyed without the lock
    std::lock_guard const lock(mutex_);
    ended_ = true;
    dropped.swap(rung_);
  }

  mail_blocks blocks;

 private:
  using wakers = std::vector<std::shared_ptr<mail_waker>>;

  struct turn {
    using allocator_type = handler_allocator<void>;

    std::shared_ptr<mail_bell> of;

    allocator_type get_allocator() const noexcept { return allocator_type(of->room_); }
    void operator()() const { of->call(); }
  };

  void post() {
    asio::post(executor_, turn{shared_from_this()});
    posted_ = true;
  }

  void call() {
    wakers all;
    {
      std::lock_guard const lock(mutex_);
      all.swap(spare_);
      all.swap(rung_);
      posted_ = false;
    }
    // However this ends, the others are called.
    struct rest {
      mail_bell& self;
      wakers& all;
      std::size_t called = 0;
      ~rest() { self.called_up_to(all, called); }
    } those{*this, all};
    while (those.called != all.size()) {
      // A send of the next one takes longer than loading what that of the one after it needs.
      if (those.called + 2 < all.size()) prefetch(all[those.called + 2].get(), 256);
      if (those.called + 1 < all.size()) all[those.called + 1]->prepare_wake();
      auto const next = std::move(all[those.called++]);
      next->on_wake();
    }
  }

  void called_up_to(wakers& all, std::size_t called) noexcept {
    for (; called != all.size(); ++called) {
      bool rung = false;
      if (!try_allocating([&] { rung = ring(all[called]); }) || !rung) all[called]->on_silence();
    }
    all.clear();
    std::lock_guard const lock(mutex_);
    spare_.swap(all);
  }

  asio::io_context::executor_type const executor_;
  std::mutex mutex_;
  wakers rung_;
  handler_room room_;  // of the turn, which is posted anew once it has been called
  wakers spare_;       // empty, with room for as many as have rung before
  bool posted_ = false;
  bool ended_ = false;
};

// Ends the bell with its context.
class mail_bell_service final : public asio::execution_context::service {
 public:
  using key_type = mail_bell_service;
  static inline asio::execution_context::id id;

  explicit mail_bell_service(asio::execution_context& context)
      : service(context),
        bell_(std::make_shared<mail_bell>(static_cast<asio::io_context&>(context).get_executor())) {}
  ~mail_bell_service() override { bell_->end(); }

  std::shared_ptr<mail_bell> const& bell() const noexcept { return bell_; }

 private:
  void shutdown() noexcept override { bell_->end(); }

  std::shared_ptr<mail_bell> bell_;
};

inline std::shared_ptr<mail_bell> mail_bell::of(asio::any_io_executor const& executor) {
  using executor_type = asio::io_context::executor_type;
  if (target_of<executor_type>(executor) == nullptr &&
      target_of<asio::strand<executor_type>>(executor) == nullptr)
    return nullptr;
  asio::execution_context& context = asio::query(executor, asio::execution::context);
  return asio::use_service<mail_bell_service>(context).bell();
}

}  // namespace kindwire::net::detail
