// Accepts connections over TLS for a server, which may accept others without it at the same time.
//
//     kw::net::server server{io, {.port = 8080}};
//     kw::tls::acceptor secure{io, {.certificate = "cert.pem", .key = "key.pem"}, "0.0.0.0", 8443};
//     kw::tls::certificates certificates = secure.certificates();
//     server.start();                       // ws://, if it is wanted
//     server.listen(std::move(secure));     // wss://
//     …
//     certificates.replace({.certificate = "new.pem", .key = "key.pem"});
#pragma once

#include "requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <concepts>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../net/connection/shared_port.hpp"
#include "context.hpp"
#include "stream.hpp"

namespace kindwire::tls {

namespace detail {

// The context of the next connection. Thread safe.
class changing_context {
 public:
  explicit changing_context(server_options const& options)
      : tickets_(std::make_shared<ticket_keys>(options.ticket_key_lifetime)), now_(options, tickets_) {}

  context get() const {
    std::lock_guard const lock(mutex_);
    return now_;
  }
  void replace(server_options const& options) {
    context fresh(options, tickets_);
    std::lock_guard const lock(mutex_);
    std::swap(now_, fresh);
  }

 private:
  std::shared_ptr<ticket_keys> const tickets_;
  mutable std::mutex mutex_;
  context now_;
};

}  // namespace detail

/// Replaces the certificates of an acceptor that works: see acceptor::certificates(). Copies are of the same
/// acceptor, and may outlive it. Thread safe.
class certificates {
 public:
  /// From now on connections get what these options say; those that are there go on as they are. Clients may
  /// resume sessions of before, unless other certificates are asked of them now. The lifetime of ticket keys
  /// stays the same.
  ///
  /// Reads the files on this thread. Throws what the constructor of context does, with nothing changed.
  void replace(server_options const& options) const { of_->replace(options); }

 private:
  friend class acceptor;
  explicit certificates(std::shared_ptr<detail::changing_context> of) noexcept : of_(std::move(of)) {}

  std::shared_ptr<detail::changing_context> of_;
};

/// For net::server::listen(). Its streams have not shaken hands yet: the server does that, within
/// handshake_timeout, and answers a client without TLS with 400. Requests that come by it are
/// request::is_secure().
///
/// Thread safety: as a socket's acceptor.
class acceptor {
 public:
  using protocol_type = asio::ip::tcp;
  using executor_type = asio::any_io_executor;

  /// Listens on an IP address, "0.0.0.0" or "::" for all interfaces, and a port, 0 for any that is free. The
  /// executor is net::server::get_executor() for a server that runs itself.
  ///
  /// Throws std::system_error: what the constructor of context does, and what keeps it from listening.
  acceptor(asio::any_io_executor const& executor, server_options const& options,
           std::string_view address = "127.0.0.1", std::uint16_t port = 0)
      : contexts_(std::make_shared<detail::changing_context>(options)),
        below_(executor, {asio::ip::make_address(std::string(address)), port}, net::detail::reuses_address) {}
  template <std::derived_from<asio::execution_context> Context>
  acceptor(Context& on, server_options const& options, std::string_view address = "127.0.0.1",
           std::uint16_t port = 0)
      : acceptor(asio::any_io_executor(on.get_executor()), options, address, port) {}

  /// Over one that listens already.
  acceptor(asio::ip::tcp::acceptor below, server_options const& options)
      : contexts_(std::make_shared<detail::changing_context>(options)), below_(std::move(below)) {}

  executor_type get_executor() noexcept { return below_.get_executor(); }
  asio::ip::tcp::endpoint local_endpoint(std::error_code& failure) const {
    return below_.local_endpoint(failure);
  }
  /// Where it listens; 0 if it does not.
  std::uint16_t port() const noexcept {
    std::error_code failure;
    auto const at = below_.local_endpoint(failure);
    return failure ? std::uint16_t{0} : at.port();
  }

  tls::certificates certificates() const noexcept { return tls::certificates(contexts_); }

  /// Calls `handler(std::error_code, stream<>)` with the next connection, whose executor is the one given.
  template <class Handler>
  void async_accept(asio::any_io_executor const& executor, Handler handler) {
    below_.async_accept(executor, [contexts = contexts_, handler = std::move(handler)](
                                      std::error_code failure, asio::ip::tcp::socket socket) mutable {
      stream<> secure;
      if (!failure) {
        try {
          secure = stream<>(std::move(socket), contexts->get());
        } catch (std::bad_alloc const&) {
          failure = std::make_error_code(std::errc::not_enough_memory);
        }
      }
      handler(failure, std::move(secure));
    });
  }

  /// Ends a pending accept, and frees the address.
  void close(std::error_code& failure) { below_.close(failure); }

 private:
  std::shared_ptr<detail::changing_context> contexts_;
  asio::ip::tcp::acceptor below_;
};

}  // namespace kindwire::tls
