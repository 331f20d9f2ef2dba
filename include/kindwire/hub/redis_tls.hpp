// TLS between a redis_backplane and Redis. Needs OpenSSL; hub/redis.hpp alone does not.
#pragma once

#include <openssl/ssl.h>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/address.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/host_name_verification.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/ssl/verify_mode.hpp>
#include <asio/write.hpp>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "redis.hpp"

namespace kindwire {

namespace detail {

class tls_redis_stream final : public redis_stream {
 public:
  tls_redis_stream(asio::any_io_executor const& executor, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(executor, *context_), connector_(executor) {}

  void connect(redis_address const& to, opened call) override {
    stream_.set_verify_callback(asio::ssl::host_name_verification(to.host));
    std::error_code is_name;
    asio::ip::make_address(to.host, is_name);
    // RFC 6066 §3: the name that was asked for; addresses are not names.
    if (is_name && ::SSL_ctrl(stream_.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                              TLSEXT_NAMETYPE_host_name, const_cast<char*>(to.host.c_str())) != 1)
      throw std::bad_alloc();
    connector_.connect(stream_.next_layer(), to, [this, call = std::move(call)](std::error_code failure) {
      if (failure) return call(failure);
      stream_.async_handshake(asio::ssl::stream_base::client, call);
    });
  }
  void read_some(asio::mutable_buffer into, done call) override {
    stream_.async_read_some(into, std::move(call));
  }
  void write(asio::const_buffer all, done call) override { asio::async_write(stream_, all, std::move(call)); }
  void close() noexcept override {
    std::error_code ignored;
    connector_.cancel();
    stream_.next_layer().close(ignored);
  }

 private:
  std::shared_ptr<asio::ssl::context> const context_;
  asio::ssl::stream<redis_socket::socket> stream_;
  redis_socket connector_;
};

}  // namespace detail

/// What redis_options::tls is to be:
///
///     kw::redis_backplane{"rediss://redis.example", {.tls = kw::redis_tls()}}
///
/// The certificate must be for the URL's host, and signed by one of the authorities that the system trusts;
/// or by those of `context`, which may have a certificate of the client's own; it is set to verify_peer, and
/// must not be changed any more.
inline detail::redis_stream_maker redis_tls(std::shared_ptr<asio::ssl::context> context = nullptr) {
  if (!context) {
    context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    context->set_default_verify_paths();
  }
  // A context of the application's verifies nothing unless it was told to: nobody means that here, where a
  // password follows.
  context->set_verify_mode(asio::ssl::verify_peer);
  return [context = std::move(context)](asio::any_io_executor const& executor) {
    return std::make_unique<detail::tls_redis_stream>(executor, context);
  };
}

}  // namespace kindwire
