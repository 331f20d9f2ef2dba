// The streams that a websocket can run over, and how they are shut down and closed.
#pragma once

#include "requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/socket_base.hpp>
#include <concepts>
#include <cstddef>
#include <system_error>

#include "../handshake/endpoint.hpp"
#include "../handshake/request.hpp"

namespace kindwire::net {

namespace detail {

template <class Stream>
concept closable = requires(Stream& stream, std::error_code& failure) {
  stream.close(failure);
}
|| requires(Stream& stream, std::error_code& failure) { stream.lowest_layer().close(failure); }
|| requires(Stream& stream) { stream.close(); };

}  // namespace detail

/// An Asio AsyncReadStream and AsyncWriteStream with an executor, whose close(), or that of its
/// lowest_layer(), ends the pending operations. Sockets, Unix sockets, TLS streams, serial ports and pipes
/// qualify, and so does anything with the same four members. The close handshake uses shutdown() if there is
/// one.
template <class Stream>
concept async_stream = detail::closable<Stream> &&
    requires(Stream& stream, asio::mutable_buffer input, asio::const_buffer output,
             void (*handler)(std::error_code, std::size_t)) {
  { stream.get_executor() } -> std::convertible_to<asio::any_io_executor>;
  stream.async_read_some(input, handler);
  stream.async_write_some(output, handler);
};

namespace detail {

// Sockets report when they are readable, so that an idle one needs no buffer, and write what fits without
// waiting.
template <class Stream>
concept readiness_stream = requires(Stream& stream, std::error_code& failure, asio::mutable_buffer input,
                                    asio::const_buffer output, void (*handler)(std::error_code)) {
  stream.non_blocking(true, failure);
  stream.async_wait(asio::socket_base::wait_read, handler);
  { stream.read_some(input, failure) } -> std::convertible_to<std::size_t>;
  { stream.write_some(output, failure) } -> std::convertible_to<std::size_t>;
};

// A stream of TLS that shakes hands by itself, if it has not yet; its next_layer() can still be used if that
// fails.
template <class Stream>
concept handshaking_stream = requires(Stream& stream, void (*handler)(std::error_code)) {
  stream.async_handshake(handler);
  stream.next_layer();
  { stream.met_plain_http() } -> std::convertible_to<bool>;
};

// The address and port; an empty endpoint for kinds that have none.
template <class Endpoint>
endpoint endpoint_of(Endpoint const& from) {
  if constexpr (requires { from.address().to_string(), from.port(); }) {
    return {from.address().to_string(), from.port()};
  } else {
    return {};
  }
}

// The remote endpoint of the stream or of its lowest layer; empty if it has none or is not connected.
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

// Tells a request what its stream knows of the client. May throw std::bad_alloc.
template <class Stream>
void describe(Stream& stream, request& head) {
  head.set_remote_endpoint(remote_endpoint_of(stream));
  if constexpr (handshaking_stream<Stream>) head.set_secure(stream.peer_certificate());
}

// Shuts down our sending side; false if the stream cannot do that.
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

// Closes the stream, which ends its pending operations.
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
