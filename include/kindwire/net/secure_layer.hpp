// TLS as the client sees it: an interface, so that only programs that want TLS link a library for it.
#pragma once

#include "requirements.hpp"

#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>

#include "../handshake/uri.hpp"
#include "connection/operation.hpp"

namespace kindwire::net {

class websocket;
struct connect_options;

namespace detail {

using opened_operation = tracked_operation<std::error_code, websocket>;

// Ends what is under way, with an error.
using stop_function = std::function<void(std::error_code)>;

// A connected stream of a type that only tls/ knows. Its operations may be under way while it is destroyed:
// they end then.
class secure_stream {
 public:
  virtual ~secure_stream() = default;
  virtual void async_handshake(std::function<void(std::error_code)> done) = 0;
  virtual void async_read_some(asio::mutable_buffer into,
                               std::function<void(std::error_code, std::size_t)> done) = 0;
  virtual void async_write_some(asio::const_buffer from,
                                std::function<void(std::error_code, std::size_t)> done) = 0;
  // Starts the opening handshake of a websocket; this is empty from then on.
  virtual stop_function open(uri const& to, connect_options options, opened_operation done) = 0;
};

}  // namespace detail

/// TLS for clients: what is trusted, and what we prove ourselves with. Made by kindwire/tls/client.hpp.
/// Thread safe.
class secure_layer {
 public:
  virtual ~secure_layer() = default;

  /// False if it shows a certificate of ours to a server that asks for one, or verifies nothing: then no
  /// redirect leads it to another origin.
  virtual bool suits_any_origin() const noexcept = 0;

  // For the client. Over a connected stream, to the server of that name, which its certificate must be for.
  // May throw std::system_error and std::bad_alloc.
  virtual std::unique_ptr<detail::secure_stream> over(asio::ip::tcp::socket below, std::string const& host,
                                                      std::uint16_t port) const = 0;
  virtual std::unique_ptr<detail::secure_stream> over(std::unique_ptr<detail::secure_stream> below,
                                                      std::string const& host, std::uint16_t port) const = 0;
};

namespace detail {

using secure_layer_maker = std::shared_ptr<secure_layer const> (*)();

// Set once, before main(), by the header that knows how.
inline secure_layer_maker& default_secure_layer() noexcept {
  static secure_layer_maker maker = nullptr;
  return maker;
}

}  // namespace detail

}  // namespace kindwire::net
