// A TCP proxy that splits, joins and delays what goes through it, and, if it is told so, cuts and resets.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/address_v4.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/socket_base.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "journal.hpp"
#include "raw_client.hpp"
#include "texts.hpp"

namespace soak {

// Each connection follows a sequence of its own. It must outlive what runs on the
// context.
class proxy {
 public:
  proxy(asio::io_context& io, std::uint16_t to, std::uint64_t seed, bool faulty, journal& log)
      : acceptor_(io, {asio::ip::address_v4::loopback(), 0}),
        to_(to),
        seed_(seed),
        faulty_(faulty),
        log_(log) {
    asio::co_spawn(io, accept(), asio::detached);
  }
  proxy(proxy const&) = delete;
  proxy& operator=(proxy const&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void stop() { acceptor_.close(); }

 private:
  struct pair {
    pair(tcp::socket accepted, asio::any_io_executor const& executor)
        : near(std::move(accepted)), far(executor) {}

    void end(bool by_reset) {
      std::error_code ignored;
      for (tcp::socket* const each : {&near, &far}) {
        if (by_reset) each->set_option(asio::socket_base::linger(true, 0), ignored);
        each->close(ignored);
      }
    }

    tcp::socket near;
    tcp::socket far;
  };

  asio::awaitable<void> accept() {
    std::error_code failure;
    for (std::uint64_t index = 0;; ++index) {
      tcp::socket accepted =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failure));
      if (!acceptor_.is_open()) co_return;
      if (!failure)
        asio::co_spawn(acceptor_.get_executor(), join(std::move(accepted), index), asio::detached);
    }
  }

  asio::awaitable<void> join(tcp::socket accepted, std::uint64_t index) {
    auto const both = std::make_shared<pair>(std::move(accepted), acceptor_.get_executor());
    std::error_code failure;
    both->far.open(tcp::v4(), failure);
    // Of many addresses, as a server's clients are.
    both->far.bind({asio::ip::address_v4(0x7F030000U + static_cast<std::uint32_t>(index % 200)), 0}, failure);
    tcp::endpoint const to(asio::ip::address_v4::loopback(), to_);
    co_await both->far.async_connect(to, asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return both->end(true);
    both->near.set_option(tcp::no_delay(true), failure);
    both->far.set_option(tcp::no_delay(true), failure);
    auto const executor = acceptor_.get_executor();
    asio::co_spawn(executor, pump(both, true, chance(seed_, 2 * index, faulty_)), asio::detached);
    asio::co_spawn(executor, pump(both, false, chance(seed_, 2 * index + 1, faulty_)), asio::detached);
  }

  // One way. The end of the stream is passed on as it is.
  asio::awaitable<void> pump(std::shared_ptr<pair> both, bool there, chance choose) {
    tcp::socket& from = there ? both->near : both->far;
    tcp::socket& to = there ? both->far : both->near;
    bool const slow = choose.one_in(3);
    std::size_t left = faulty_ ? 100 + choose.size(std::size_t{2} << 20) : SIZE_MAX;
    std::array<char, 16384> bytes;
    std::error_code failure;
    for (;;) {
      // So much comes before it is passed on: what was sent apart arrives together.
      if (slow && choose.one_in(2)) co_await rest(std::chrono::milliseconds(choose.below(8)));
      std::size_t size = co_await from.async_read_some(asio::buffer(bytes, 1 + choose.size(bytes.size() - 1)),
                                                       asio::redirect_error(asio::use_awaitable, failure));
      if (failure) break;
      size = (std::min)(size, left);
      left -= size;
      for (std::size_t done = 0; done != size && !failure;) {
        std::size_t const part = choose.one_in(2) ? size - done : 1 + choose.below(size - done);
        co_await asio::async_write(to, asio::buffer(bytes.data() + done, part),
                                   asio::redirect_error(asio::use_awaitable, failure));
        done += part;
        if (slow && done != size && choose.one_in(8))
          co_await rest(std::chrono::milliseconds(choose.below(4)));
      }
      if (failure) break;
      if (left == 0) {
        bool const by_reset = choose.one_in(2);
        log_.count(by_reset ? "proxy: reset" : "proxy: cut");
        co_return both->end(by_reset);
      }
    }
    std::error_code ignored;
    if (failure != asio::error::eof) co_return both->end(true);
    to.shutdown(asio::socket_base::shutdown_send, ignored);
  }

  tcp::acceptor acceptor_;
  std::uint16_t to_;
  std::uint64_t seed_;
  bool faulty_;
  journal& log_;
};

}  // namespace soak
