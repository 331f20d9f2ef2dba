// What bytes go to Redis by: TCP and Unix sockets. TLS is in hub/redis_tls.hpp.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "url.hpp"

#ifndef _WIN32
#include <asio/local/stream_protocol.hpp>
#endif

namespace kindwire::detail {

// What it is given to call keeps it alive until then, and is called on its executor.
class redis_stream {
 public:
  using opened = std::function<void(std::error_code)>;
  using done = std::function<void(std::error_code, std::size_t)>;

  redis_stream() = default;
  redis_stream(redis_stream const&) = delete;
  redis_stream& operator=(redis_stream const&) = delete;
  virtual ~redis_stream() = default;

  virtual void connect(redis_address const& to, opened call) = 0;
  virtual void read_some(asio::mutable_buffer into, done call) = 0;
  virtual void write(asio::const_buffer all, done call) = 0;
  virtual void close() noexcept = 0;
};

using redis_stream_maker = std::function<std::unique_ptr<redis_stream>(asio::any_io_executor const&)>;

// Connects to the first of a host's addresses that takes the connection.
class redis_socket {
 public:
  using socket = asio::generic::stream_protocol::socket;

  explicit redis_socket(asio::any_io_executor const& executor) : resolver_(executor) {}

  void connect(socket& to, redis_address const& address, redis_stream::opened call) {
    if (!address.path.empty()) return connect_local(to, address, std::move(call));
    resolver_.async_resolve(
        address.host, address.port,
        [this, &to, call = std::move(call)](std::error_code failure,
                                            asio::ip::tcp::resolver::results_type found) {
          // A look-up that runs is not cancelled, and connecting would open the closed socket again.
          if (!failure && is_cancelled_) failure = asio::error::operation_aborted;
          if (failure) return call(failure);
          std::vector<asio::generic::stream_protocol::endpoint> all;
          for (auto const& each : found) all.emplace_back(each.endpoint());
          auto const goes_on = [this](auto const&, auto const&) { return !is_cancelled_; };
          asio::async_connect(to, all, goes_on, [this, &to, call](std::error_code why, auto const&) {
            std::error_code ignored;
            if (is_cancelled_) why = asio::error::operation_aborted;
            if (!why) to.set_option(asio::ip::tcp::no_delay(true), ignored);
            call(why);
          });
        });
  }
  void cancel() noexcept {
    is_cancelled_ = true;
    resolver_.cancel();
  }

 private:
  static void connect_local([[maybe_unused]] socket& to, [[maybe_unused]] redis_address const& address,
                            redis_stream::opened call) {
#ifdef ASIO_HAS_LOCAL_SOCKETS
    if (address.path.size() < sizeof(asio::detail::sockaddr_un_type::sun_path)) {
      asio::generic::stream_protocol::endpoint const there(
          asio::local::stream_protocol::endpoint(address.path));
      return to.async_connect(there, std::move(call));
    }
#endif
    asio::post(to.get_executor(),
               [call = std::move(call)] { call(std::make_error_code(std::errc::filename_too_long)); });
  }

  asio::ip::tcp::resolver resolver_;
  bool is_cancelled_ = false;
};

class plain_redis_stream final : public redis_stream {
 public:
  explicit plain_redis_stream(asio::any_io_executor const& executor)
      : socket_(executor), connector_(executor) {}

  void connect(redis_address const& to, opened call) override {
    connector_.connect(socket_, to, std::move(call));
  }
  void read_some(asio::mutable_buffer into, done call) override {
    socket_.async_read_some(into, std::move(call));
  }
  void write(asio::const_buffer all, done call) override { asio::async_write(socket_, all, std::move(call)); }
  void close() noexcept override {
    std::error_code ignored;
    connector_.cancel();
    socket_.close(ignored);
  }

 private:
  redis_socket::socket socket_;
  redis_socket connector_;
};

}  // namespace kindwire::detail
