// wss:// for clients: whoever includes this can connect to it.
//
//     kw::net::client const client{{.tls = kw::tls::trust({.authorities = "ca.pem"})}};
//     kw::net::websocket ws = co_await client.connect(io, "wss://example.com/feed");
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
#include <utility>

#include "../error.hpp"
#include "../handshake/uri.hpp"
#include "../net/client.hpp"
#include "../net/connect_options.hpp"
#include "../net/connection/client_opening.hpp"
#include "../net/secure_layer.hpp"
#include "context.hpp"
#include "options.hpp"
#include "stream.hpp"

namespace kindwire::tls {

namespace detail {

template <class Below>
class secured final : public net::detail::secure_stream {
 public:
  explicit secured(stream<Below> one) : stream_(std::move(one)) {}

  void async_handshake(std::function<void(std::error_code)> done) override {
    stream_.async_handshake(std::move(done));
  }
  void async_read_some(asio::mutable_buffer into,
                       std::function<void(std::error_code, std::size_t)> done) override {
    stream_.async_read_some(into, std::move(done));
  }
  void async_write_some(asio::const_buffer from,
                        std::function<void(std::error_code, std::size_t)> done) override {
    stream_.async_write_some(from, std::move(done));
  }
  net::detail::stop_function open(uri const& to, net::connect_options options,
                                  net::detail::opened_operation done) override {
    return net::detail::start_stoppable_opening(std::move(stream_), to, std::move(options), std::move(done));
  }

  stream<Below> take() noexcept { return std::move(stream_); }

 private:
  stream<Below> stream_;
};

class client_layer final : public net::secure_layer {
 public:
  explicit client_layer(client_options const& options)
      : context_(options),
        suits_any_origin_(options.verify == verification::full && !options.certificate && !options.key) {}

  bool suits_any_origin() const noexcept override { return suits_any_origin_; }

  std::unique_ptr<net::detail::secure_stream> over(asio::ip::tcp::socket below, std::string const& host,
                                                   std::uint16_t port) const override {
    return std::make_unique<secured<asio::ip::tcp::socket>>(
        stream<asio::ip::tcp::socket>(std::move(below), context_, host, port));
  }

  // Through a proxy that is reached by TLS itself: one within the other.
  std::unique_ptr<net::detail::secure_stream> over(std::unique_ptr<net::detail::secure_stream> below,
                                                   std::string const& host,
                                                   std::uint16_t port) const override {
    auto* const ours = dynamic_cast<secured<asio::ip::tcp::socket>*>(below.get());
    if (ours == nullptr) throw std::system_error(make_error_code(kindwire::error::tls_unavailable));
    return std::make_unique<secured<stream<asio::ip::tcp::socket>>>(
        stream<stream<asio::ip::tcp::socket>>(ours->take(), context_, host, port));
  }

 private:
  context context_;
  bool const suits_any_origin_;
};

// Made when it is first needed: reading the system's certificates takes its time.
inline std::shared_ptr<net::secure_layer const> system_trust() {
  static std::shared_ptr<net::secure_layer const> const made =
      std::make_shared<client_layer>(client_options{});
  return made;
}

[[maybe_unused]] inline bool const is_default = (net::detail::default_secure_layer() = &system_trust, true);

}  // namespace detail

/// For connect_options::tls: what is trusted, and what we show. The server's certificate is verified, for the
/// URI's host, before a byte of the request leaves; a failure is a tls::error with connect_phase::tls.
/// Sessions are resumed by all that share it. Without it the system's certificates are trusted.
///
/// Throws as context's constructor does.
inline std::shared_ptr<net::secure_layer const> trust(client_options const& options = {}) {
  return std::make_shared<detail::client_layer>(options);
}

}  // namespace kindwire::tls
