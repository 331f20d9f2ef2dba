// The server's side of the opening handshake: bytes in, a request out. RFC 6455 §4.2.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../message/buffer.hpp"
#include "head.hpp"
#include "request.hpp"
#include "response.hpp"
#include "upgrade.hpp"

namespace kindwire {

namespace detail {

// RFC 9112 §9.6: after a refusal, what the client still sends is read and dropped before the stream is
// closed, so that no reset overtakes the answer. So much at most, and for so long.
inline constexpr std::size_t drained_size = std::size_t{1} << 20;
inline constexpr std::chrono::milliseconds drained_time{2000};

}  // namespace detail

/// Reads one request, without a stream:
///
///     kw::server_handshake handshake;
///     while (handshake.status() == kw::handshake_status::reading)
///       handshake.commit(read_some(handshake.prepare(2048)));
///     if (handshake.status() == kw::handshake_status::failed) …      // write error_response(), close
///     if (auto refused = kw::check_upgrade(handshake.request())) …   // write refused->answer, close
///     kw::write_accept(handshake.request(), {}, out);                // the 101; then frames
///
/// Every answer except 101 ends the connection, and bytes after the request are then never examined: they
/// might be a second request, smuggled past a proxy. The time limit is the driver's. Not thread safe.
class server_handshake {
 public:
  explicit server_handshake(head_limits limits = {}) noexcept : head_(head_parser::kind::request, limits) {}

  /// Room for at least `size` bytes from the stream; fill it from its front, then commit().
  std::span<std::byte> prepare(std::size_t size) { return input_.prepare(size); }

  /// Takes the first `size` bytes of the room from prepare(). Once status() is ready they are only kept, as
  /// leftover(); once it is failed they are dropped. May throw std::bad_alloc, and has then failed.
  void commit(std::size_t size) {
    input_.commit(size);
    if (status_ == handshake_status::reading) {
      unwinding guard{this};
      read();
      guard.dismiss();
    }
    if (status_ == handshake_status::failed) input_.release();
  }

  handshake_status status() const noexcept { return status_; }

  /// Why it failed: an error of head_parser or of request::from(), or std::errc::not_enough_memory. No error
  /// before.
  std::error_code error() const noexcept { return error_; }

  /// True once the peer has sent any byte that counts: a stream that ends before that asked for nothing.
  bool begun() const noexcept { return head_.begun(); }

  /// The request, once status() is ready. It may be moved out.
  kindwire::request& request() noexcept { return request_; }
  kindwire::request const& request() const noexcept { return request_; }

  /// The answer to a peer that failed: 400, 414, 431; 500 if the failure is ours.
  response error_response() const { return response_for(error_); }

  /// The bytes after the request. They belong to the frames if a 101 is written, and to nobody otherwise.
  /// Valid until the next call of prepare() or commit().
  std::span<std::byte> leftover() noexcept { return input_.bytes(); }

 private:
  // Out of memory in the middle of the head: what was read cannot be read again, and part of it must not pass
  // for the whole.
  struct unwinding {
    server_handshake* self;
    ~unwinding() {
      if (self == nullptr) return;
      self->error_ = std::make_error_code(std::errc::not_enough_memory);
      self->status_ = handshake_status::failed;
    }
    void dismiss() noexcept { self = nullptr; }
  };

  void read() {
    auto const bytes = input_.bytes();
    input_.consume(head_.put({reinterpret_cast<char const*>(bytes.data()), bytes.size()}));
    if (head_.status() == handshake_status::reading) return;
    error_ = head_.error();
    if (!error_) error_ = kindwire::request::from(std::move(head_), request_);
    status_ = error_ ? handshake_status::failed : handshake_status::ready;
  }

  buffer input_;
  head_parser head_;
  kindwire::request request_;
  std::error_code error_;
  handshake_status status_ = handshake_status::reading;
};

}  // namespace kindwire
