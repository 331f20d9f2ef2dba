// What a connection needs of the stream that it runs over.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <span>
#include <system_error>

#include "../../handshake/endpoint.hpp"

namespace kindwire::net::detail {

// Everything happens on the executor, a strand where several threads run the context. Each start_ call ends
// in one call of the connection: on_read(), on_written() or on_timer().
class transport {
 public:
  using clock = std::chrono::steady_clock;

  transport() noexcept = default;
  transport(transport const&) = delete;
  transport& operator=(transport const&) = delete;

  virtual asio::any_io_executor const& executor() const noexcept = 0;
  // May be a little old, where asking once for many connections is cheaper.
  virtual clock::time_point now() const noexcept { return clock::now(); }

  virtual void start_read() = 0;
  // Reads what is there without waiting, while a read is under way, and tells the connection as start_read()
  // would. False if this stream has no such thing.
  virtual bool read_now() = 0;

  // What one read or write takes at most: a flooding peer gets its turn, not the whole thread, and a system
  // call that copies megabytes would hold up all other connections.
  virtual std::size_t turn_size() const noexcept { return usual_turn; }

  // Writes without waiting; would_block where nothing can be.
  virtual std::size_t try_write(std::span<std::byte const> bytes, std::error_code& failure) = 0;
  // Writes a part of `bytes`, which stay where they are.
  virtual void start_write(std::span<std::byte const> bytes) = 0;
  // Bytes that were written but not taken by the peer's end, as far as that is known; else 0.
  virtual std::size_t untaken() const noexcept = 0;

  // Where the other end is, as long as the stream is open; none where streams of this kind have no addresses.
  virtual endpoint remote_endpoint() const { return {}; }

  // Ends our side of the stream; false if this stream has no such thing.
  virtual bool shut_down_sending() noexcept = 0;
  // Ends the stream, and with it what was started.
  virtual void close() noexcept = 0;

  // on_timer() at that time, in place of the time that was asked for before. A timer alone keeps a connection
  // alive only if `keeps`.
  virtual void start_timer(clock::time_point at, bool keeps) = 0;
  virtual void stop_timer() noexcept = 0;

 protected:
  static constexpr std::size_t usual_turn = std::size_t{128} << 10;

  ~transport() = default;
};

}  // namespace kindwire::net::detail
