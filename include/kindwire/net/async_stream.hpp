// What a websocket runs over, and how such a stream is ended.
#pragma once

#include "requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/socket_base.hpp>
#include <concepts>
#include <cstddef>
#include <system_error>

#include "../handshake/endpoint.hpp"

namespace kindwire::net {

namespace detail {

template <class Stream>
concept closable = requires(Stream& stream, std::error_code& failure) {
  stream.close(failure);
}
|| requires(Stream& stream, std::error_code& failure) { stream.lowest_layer().close(failure); }
|| requires(Stream& stream) { stream.close(); };

}  // namespace detail

/// Asio's AsyncReadStream and AsyncWriteStream with an executor, and a close() of its own or of its
/// lowest_layer() that ends the operations under way. Sockets, Unix sockets, TLS streams, serial ports and
/// pipes are such; so is anything with the same four members. Where there is a shutdown(), the close
/// handshake uses it.
template <class Stream>
concept async_stream = detail::closable<Stream> &&
    requires(Stream& stream, asio::mutable_buffer input, asio::const_buffer output,
             void (*handler)(std::error_code, std::size_t)) {
  { stream.get_executor() } -> std::convertible_to<asio::any_io_executor>;
  stream.async_read_some(input, handler);
  stream.async_write_some(output, handler);
};

namespace detail {

// Sockets tell when they are readable, so that an idle one needs no buffer, and take what fits without
// waiting.
template <class Stream>
concept readiness_stream = requires(Stream& stream, std::error_code& failure, asio::mutable_buffer input,
                                    asio::const_buffer output, void (*handler)(std::error_code)) {
  stream.non_blocking(true, failure);
  stream.async_wait(asio::socket_base::wait_read, handler);
  { stream.read_some(input, failure) } -> std::convertible_to<std::size_t>;
  { stream.write_some(output, failure) } -> std::convertible_to<std::size_t>;
};

// Of a socket with addresses and ports; none where it is of another kind, closed or not connected.
template <class Endpoint>
endpoint endpoint_of(Endpoint const& from) {
  if constexpr (requires { from.address().to_string(), from.port(); }) {
    return {from.address().to_string(), from.port()};
  } else {
    return {};
  }
}

// Where the stream's other end is, or that of what lies below it.
template <class Stream>
endpoint remote_endpoint_of(Stream& stream) {
  std::error_code failure;
  if constexpr (requires { stream.remote_endpoint(failure); }) {
    auto const found = stream.remote_endpoint(failure);
    return failure ? endpoint{} : endpoint_of(found);
  } else if constexpr (requires { stream.lowest_layer().remote_endpoint(failure); }) {
    auto const found = stream.lowest_layer().remote_endpoint(failure);
    return failure ? endpoint{} : endpoint_of(found);
  } else {
    return {};
  }
}

// Ends our side of the stream; false where it has no such thing.
template <class Stream>
bool shutdown_any(Stream& stream) noexcept {
  std::error_code ignored;
  if constexpr (requires { stream.shutdown(asio::socket_base::shutdown_send, ignored); }) {
    stream.shutdown(asio::socket_base::shutdown_send, ignored);
    return true;
  } else if constexpr (requires {
                         stream.lowest_layer().shutdown(asio::socket_base::shutdown_send, ignored);
                       }) {
    stream.lowest_layer().shutdown(asio::socket_base::shutdown_send, ignored);
    return true;
  } else {
    return false;
  }
}

// Ends the stream, and with it the operations that are under way.
template <class Stream>
void close_any(Stream& stream) noexcept {
  std::error_code ignored;
  if constexpr (requires { stream.close(ignored); }) {
    stream.close(ignored);
  } else if constexpr (requires { stream.lowest_layer().close(ignored); }) {
    stream.lowest_layer().close(ignored);
  } else {
    stream.close();
  }
}

}  // namespace detail

}  // namespace kindwire::net
