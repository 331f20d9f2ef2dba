// What a connection needs of the stream that it runs over.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <span>
#include <system_error>

#include "../../handshake/endpoint.hpp"
#include "../../handshake/request.hpp"

namespace kindwire::net::detail {

// Everything runs on the executor, a strand if several threads run the context. Each start_ call ends in one
// call to the connection: on_read(), on_written() or on_timer().
class transport {
 public:
  using clock = std::chrono::steady_clock;

  transport() noexcept = default;
  transport(transport const&) = delete;
  transport& operator=(transport const&) = delete;

  virtual asio::any_io_executor const& executor() const noexcept = 0;
  // May be slightly old, so that one look at the clock can serve many connections.
  virtual clock::time_point now() const noexcept { return clock::now(); }

  virtual void start_read() = 0;
  // Reads available input without waiting, while a read is under way, and passes it to the connection. False
  // if this stream cannot do that.
  virtual bool read_now() = 0;

  // The most bytes that one read or write takes: a flooding peer gets its turn, not the whole thread, and a
  // system call that copies megabytes would hold up all other connections.
  virtual std::size_t turn_size() const noexcept { return usual_turn; }

  // Writes without waiting; would_block if nothing can be written.
  virtual std::size_t try_write(std::span<std::byte const> bytes, std::error_code& failure) = 0;
  // The same for several pieces, in order, of which a part may be written.
  virtual std::size_t try_write(std::span<std::span<std::byte const> const> pieces,
                                std::error_code& failure) {
    std::size_t size = 0;
    for (auto const& each : pieces) {
      std::size_t const part = try_write(each, failure);
      size += part;
      if (part != each.size()) break;
    }
    return size;
  }
  // Writes a part of `bytes`, which stay valid meanwhile.
  virtual void start_write(std::span<std::byte const> bytes) = 0;
  // True if these may be read even after close(), until on_written().
  virtual bool keeps_bytes() const noexcept { return true; }
  // Bytes written but not yet taken by the peer's end; 0 if unknown.
  virtual std::size_t untaken() const noexcept = 0;

  // The remote endpoint while the stream is open; empty for streams without addresses.
  virtual endpoint remote_endpoint() const { return {}; }
  // Tells the request that opened the connection what the stream knows of the peer. May throw std::bad_alloc.
  virtual void describe(request& head) const { head.set_remote_endpoint(remote_endpoint()); }

  // Shuts down our sending side; false if this stream cannot do that.
  virtual bool shut_down_sending() noexcept = 0;
  // Closes the stream, and ends pending operations.
  virtual void close() noexcept = 0;

  // Calls on_timer() at that time, replacing an earlier one. The timer keeps the connection alive only if
  // `keeps`.
  virtual void start_timer(clock::time_point at, bool keeps) = 0;
  virtual void stop_timer() noexcept = 0;

 protected:
  static constexpr std::size_t usual_turn = std::size_t{128} << 10;

  ~transport() = default;
};

}  // namespace kindwire::net::detail
