// The check of a route while it runs as a coroutine.
#pragma once

#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>

#include "../../handshake/response.hpp"
#include "../async_stream.hpp"

namespace kindwire::net::detail {

struct route;

struct running_check {
  explicit running_check(route const& of) noexcept : target(of) {}

  route const& target;
  asio::cancellation_signal cancellation;  // must outlive the coroutine
  std::optional<response> refusal;         // what it has decided
  bool has_ended = false;
  bool threw = false;
  bool watching = false;  // for the end of the peer
};

// Streams whose peer can be watched meanwhile, since a wait can be ended without losing a byte.
template <class Stream>
concept watchable_stream = readiness_stream<Stream> && requires(Stream& stream, std::error_code& failure) {
  stream.cancel(failure);
};

// How much is read of a peer that does not wait for the answer to its request; after that, its end is noticed
// only when the check has ended.
inline constexpr std::size_t most_read_during_check = 4096;

// What our own cancellation ends a coroutine with.
inline bool is_cancellation(std::exception_ptr const& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (std::system_error const& thrown) {
    return thrown.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace kindwire::net::detail
