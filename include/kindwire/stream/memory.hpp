// Two connected streams in memory: for tests of anything that runs over a stream, without a network.
//
//     auto [ours, theirs] = kw::make_memory_streams({.max_read = 1}, {.fail_at = 7});
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <system_error>
#include <utility>

#include "../message/buffer.hpp"

namespace kindwire {

/// How one end of a pair behaves. The defaults are an ideal stream.
struct memory_stream_options {
  std::size_t max_read = (std::numeric_limits<std::size_t>::max)();   ///< most bytes that one read returns
  std::size_t max_write = (std::numeric_limits<std::size_t>::max)();  ///< most bytes that one write takes
  std::size_t capacity = (std::numeric_limits<std::size_t>::max)();   ///< unread bytes at which a write waits
  std::size_t fail_at = 0;  ///< the n-th operation of this end fails, and all after it; 0: none
  std::error_code failure = std::make_error_code(std::errc::connection_reset);  ///< with this error
  bool waits = true;  ///< false: an operation that would wait fails with operation_would_block instead
};

/// One end of a pair made by make_memory_streams(); a blocking_stream. The two ends may be used by two
/// threads; one end is used by one thread at a time, but close() may come from any. Destroying an end closes
/// it.
class memory_stream {
 public:
  memory_stream(memory_stream&&) noexcept = default;
  memory_stream& operator=(memory_stream&& other) noexcept {
    if (this != &other) {
      close();
      own_ = std::move(other.own_);
      peer_ = std::move(other.peer_);
      options_ = other.options_;
      operations_ = other.operations_;
    }
    return *this;
  }
  ~memory_stream() { close(); }

  /// Waits for bytes; 0 without an error once the other end was closed or shut down and all was read.
  std::size_t read_some(std::span<std::byte> into, std::error_code& failure) {
    failure.clear();
    if (into.empty() || next_operation_fails(failure)) return 0;
    std::unique_lock lock(own_->mutex);
    auto const ready = [&] { return !own_->bytes.empty() || own_->ended || own_->broken; };
    if (!wait(lock, ready, failure)) return 0;
    if (own_->broken) {
      failure = std::make_error_code(std::errc::bad_file_descriptor);
      return 0;
    }
    std::size_t const size =
        (std::min)({into.size(), own_->bytes.size(), std::max<std::size_t>(options_.max_read, 1)});
    std::copy_n(own_->bytes.bytes().begin(), size, into.begin());
    own_->bytes.consume(size);
    own_->changed.notify_all();
    return size;
  }

  /// Waits for room; the error is broken_pipe once the other end was closed.
  std::size_t write_some(std::span<std::byte const> from, std::error_code& failure) {
    failure.clear();
    if (from.empty() || next_operation_fails(failure)) return 0;
    std::unique_lock lock(peer_->mutex);
    auto const ready = [&] {
      return peer_->bytes.size() < options_.capacity || peer_->ended || peer_->broken;
    };
    if (!wait(lock, ready, failure)) return 0;
    if (peer_->ended || peer_->broken) {
      failure = std::make_error_code(std::errc::broken_pipe);
      return 0;
    }
    std::size_t const size = (std::min)(
        {from.size(), options_.capacity - peer_->bytes.size(), std::max<std::size_t>(options_.max_write, 1)});
    peer_->bytes.append(from.first(size));
    peer_->changed.notify_all();
    return size;
  }

  /// The other end reads everything written, then sees the end of the stream. This end can still read.
  void shutdown_send() noexcept {
    if (!peer_) return;
    std::lock_guard const lock(peer_->mutex);
    peer_->ended = true;
    peer_->changed.notify_all();
  }

  /// Ends both directions: what we have not read is lost, what we wrote can still be read.
  void close() noexcept {
    if (!own_) return;
    shutdown_send();
    std::lock_guard const lock(own_->mutex);
    own_->broken = true;
    own_->changed.notify_all();
  }

  /// The reads and writes started at this end, as fail_at counts them.
  std::size_t operations() const noexcept { return operations_; }

 private:
  // One direction.
  struct pipe {
    std::mutex mutex;
    std::condition_variable changed;
    buffer bytes;
    bool ended = false;   // nothing more is written
    bool broken = false;  // nothing more is read
  };

  friend std::pair<memory_stream, memory_stream> make_memory_streams(memory_stream_options,
                                                                     memory_stream_options);

  memory_stream(std::shared_ptr<pipe> own, std::shared_ptr<pipe> peer, memory_stream_options options) noexcept
      : own_(std::move(own)), peer_(std::move(peer)), options_(options) {}

  bool next_operation_fails(std::error_code& failure) noexcept {
    ++operations_;
    if (options_.fail_at == 0 || operations_ < options_.fail_at) return false;
    failure = options_.failure;
    return true;
  }

  template <class Ready>
  bool wait(std::unique_lock<std::mutex>& lock, Ready ready, std::error_code& failure) {
    pipe& waited = lock.mutex() == &own_->mutex ? *own_ : *peer_;
    if (!ready() && !options_.waits) {
      failure = std::make_error_code(std::errc::operation_would_block);
      return false;
    }
    waited.changed.wait(lock, ready);
    return true;
  }

  std::shared_ptr<pipe> own_;   // what we read
  std::shared_ptr<pipe> peer_;  // what the other end reads
  memory_stream_options options_;
  std::size_t operations_ = 0;
};

/// Two ends, each with its own behaviour: what is written to one is read from the other.
inline std::pair<memory_stream, memory_stream> make_memory_streams(memory_stream_options first = {},
                                                                   memory_stream_options second = {}) {
  auto const one = std::make_shared<memory_stream::pipe>();
  auto const two = std::make_shared<memory_stream::pipe>();
  return {memory_stream(one, two, first), memory_stream(two, one, second)};
}

}  // namespace kindwire
