// permessage-deflate between a server and a client of ours over TCP: each preset, each way of sending, and
// what a send that is refused or cancelled leaves behind.
#include <kindwire/deflate.hpp>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../support/bytes.hpp"

namespace net_deflate_tests {

namespace kw = kindwire;
namespace deflate = kw::deflate;
using namespace std::chrono_literals;
using negotiator = std::shared_ptr<kw::extension_negotiator const>;

namespace {

std::string json(std::size_t number) {
  return R"({"kind":"PRICE","symbol":"KW)" + std::to_string(number % 7) + R"(","bid":)" +
         std::to_string(number * 37 % 1000) + R"(,"venue":"somewhere","currency":"EUR"})";
}

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

struct traffic {
  std::uint64_t sent = 0;  // bytes of the client
  std::uint64_t received = 0;
  std::string agreed;
};

// Runs `client` against an echo server.
template <class Client>
traffic with_echo(negotiator at_server, kw::net::connection_options options, Client client,
                  unsigned threads = 1) {
  asio::io_context io(static_cast<int>(threads));
  kw::net::server server{io, {.connection = {.compression = std::move(at_server)}, .strands = threads != 1}};
  server.websocket("/", echo);
  server.start();
  traffic result;
  std::exception_ptr failure;
  auto const run = [&]() -> asio::awaitable<void> {
    options.statistics = true;
    kw::net::client const opener{{.connection = options}};
    kw::net::websocket ws =
        co_await opener.connect(io, "ws://127.0.0.1:" + std::to_string(server.port()) + "/");
    result.agreed = ws.extensions();
    co_await client(ws);
    result.sent = ws.statistics()->bytes_sent;
    result.received = ws.statistics()->bytes_received;
    co_await ws.close();
  };
  asio::co_spawn(io, run, [&](std::exception_ptr thrown) {
    failure = thrown;
    server.stop();
  });
  io.run_for(60s);
  CHECK_FALSE(failure);
  return result;
}

asio::awaitable<void> say(kw::net::websocket& ws, std::size_t count) {
  for (std::size_t i = 0; i != count; ++i) {
    std::string const text = json(i) + json(i + 1) + json(i + 2) + json(i + 3);
    co_await ws.send(text);
    CHECK((co_await ws.receive()).text() == text);
  }
}

}  // namespace

TEST_CASE("deflate over TCP: each preset with each, and what that saves") {
  struct row {
    char const* name;
    negotiator extension;
  };
  std::vector<row> const presets{
      {"shared", deflate::shared()}, {"small", deflate::small()}, {"full", deflate::full()}, {"none", {}}};
  auto const plain = with_echo({}, {}, [](auto& ws) { return say(ws, 200); });
  CHECK(plain.agreed.empty());
  for (auto const& at_server : presets) {
    for (auto const& at_client : presets) {
      CAPTURE(std::string(at_server.name));
      CAPTURE(std::string(at_client.name));
      auto const seen = with_echo(at_server.extension, {.compression = at_client.extension},
                                  [](auto& ws) { return say(ws, 200); });
      bool const both = at_server.extension && at_client.extension;
      CHECK(seen.agreed.empty() != both);
      bool const takeover = both && seen.agreed.find("no_context_takeover") == std::string::npos;
      CHECK(seen.sent <= (takeover ? plain.sent / 3 : both ? plain.sent * 9 / 10 : plain.sent));
      CHECK(seen.received <= (takeover ? plain.received / 3
                              : both   ? plain.received * 9 / 10
                                       : plain.received));
    }
  }
}

TEST_CASE("deflate over TCP: every way to send, large messages, and many threads' remotes") {
  for (unsigned const threads : {1u, 2u}) {
    for (negotiator const& extension : {negotiator(deflate::shared()), negotiator(deflate::full())}) {
      with_echo(
          extension, {.compression = extension},
          [](kw::net::websocket& ws) -> asio::awaitable<void> {
            support::random_numbers numbers(1);
            auto const large = numbers.utf8(900'000);
            auto const random = numbers.any(700'000);
            auto const remote = ws.remote();
            for (int round = 0; round != 3; ++round) {
              std::string const text(reinterpret_cast<char const*>(large.data()), large.size());
              co_await ws.send(text);
              co_await ws.send(random);
              CHECK_FALSE(remote.send(json(1)));
              CHECK_FALSE(remote.send(json(2), kw::compress::no));
              co_await ws.send(json(3), kw::compress::no);
              co_await ws.send_fragment(kw::message_type::text, kw::detail::as_bytes(json(4)), false);
              co_await ws.ping();
              co_await ws.send_fragment(kw::message_type::continuation, kw::detail::as_bytes(json(5)), true);
              CHECK((co_await ws.receive()).text() == text);
              kw::message const back = co_await ws.receive();
              CHECK(back.is_binary());
              CHECK(support::copy(back.bytes()) == random);
              for (std::size_t const each : {1u, 2u, 3u}) CHECK((co_await ws.receive()).text() == json(each));
              CHECK((co_await ws.receive()).text() == json(4) + json(5));
            }
          },
          threads);
    }
  }
}

// aiohttp #11726.
TEST_CASE("deflate over TCP: sends that are refused or cancelled leave the windows in step") {
  negotiator const extension = deflate::full();
  with_echo(extension, {.send_queue_soft = 1000, .send_queue_hard = 20'000, .compression = extension},
            [](kw::net::websocket& ws) -> asio::awaitable<void> {
              support::random_numbers numbers(2);
              std::vector<std::string> sent;
              for (std::size_t i = 0; i != 300; ++i) {
                std::string const text =
                    numbers.one_in(3) ? json(i) + std::to_string(numbers.next()) + json(i) : json(i);
                // Cancelled as soon as it has begun, at once, or not at all; or refused as the queue is full.
                asio::cancellation_signal stop;
                bool done = false;
                std::error_code outcome;
                ws.send(text, asio::bind_cancellation_slot(stop.slot(), [&](std::error_code failure) {
                          outcome = failure;
                          done = true;
                        }));
                if (numbers.one_in(2)) stop.emit(asio::cancellation_type::all);
                while (!done)
                  co_await asio::steady_timer(ws.get_executor(), 0ms).async_wait(asio::use_awaitable);
                if (outcome != kw::error::send_queue_full) sent.push_back(text);
                if (numbers.one_in(10)) {
                  auto const bulk = numbers.any(8000);
                  std::string const hexadecimal = support::to_hex(bulk);
                  int refused = 0;
                  for (int more = 0; more != 6; ++more) {
                    if (ws.try_send(hexadecimal)) {
                      ++refused;
                    } else {
                      sent.push_back(hexadecimal);
                    }
                  }
                  CHECK(refused != 6);
                }
                CHECK(ws.try_send(kw::message_type::continuation, support::bytes{}) ==
                      kw::error::no_fragment_to_continue);
              }
              for (auto const& each : sent) CHECK((co_await ws.receive()).text() == each);
            });
}

TEST_CASE("deflate over TCP: without takeover an idle connection holds nothing of zlib's") {
  negotiator const extension = deflate::shared();
  asio::io_context io;
  kw::net::server server{io, {.connection = {.compression = extension}}};
  server.websocket("/", echo);
  server.start();
  std::size_t one = 0;
  std::size_t many = 0;
  auto const run = [&]() -> asio::awaitable<void> {
    kw::net::client const opener{{.connection = {.compression = extension}}};
    std::vector<kw::net::websocket> all;
    for (int i = 0; i != 30; ++i) {
      all.push_back(co_await opener.connect(io, "ws://127.0.0.1:" + std::to_string(server.port()) + "/"));
      co_await say(all.back(), 3);
      if (i == 0) one = deflate::memory_in_use();
    }
    many = deflate::memory_in_use();
    for (auto& each : all) co_await each.close();
    server.stop();
  };
  asio::co_spawn(io, run, asio::detached);
  io.run_for(30s);
  CHECK(one != 0);
  CHECK(many == one);
}

TEST_CASE(
    "deflate over TCP: a prepared message reaches everybody, from every way of sending and from any thread") {
  std::string const all_alike = [] {
    std::string result;
    for (std::size_t i = 0; i != 100; ++i) result += json(i);
    return result;
  }();
  for (negotiator const& extension :
       {negotiator{}, negotiator{deflate::shared()}, negotiator{deflate::full()}}) {
    kw::prepared_message const news{all_alike};
    asio::io_context io;
    kw::net::server server{io, {.connection = {.compression = extension}}};
    server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      co_await ws.send(news);
      co_await ws.send(news, kw::compress::no);
      co_await ws.send(news, asio::use_awaitable);
      co_await ws.send(news, kw::compress::yes, asio::use_awaitable);
      CHECK_FALSE(ws.try_send(news));
      CHECK_FALSE(ws.remote().send(news));
      std::thread elsewhere([&news, remote = ws.remote()] {
        CHECK_FALSE(remote.send(news));
        CHECK_FALSE(remote.send({kw::message_type::text, kw::detail::as_bytes("between")}));
        CHECK_FALSE(remote.send(news, kw::compress::no));
        CHECK(remote.send(kw::prepared_message{kw::message_type::ping, {}}) == kw::error::invalid_argument);
        CHECK_FALSE(remote.send(kw::prepared_message{"short"}));
        CHECK_FALSE(remote.send(news));
      });
      elsewhere.join();
      co_await ws.close();
    });
    server.start();
    auto const run = [&]() -> asio::awaitable<void> {
      for (int i = 0; i != 4; ++i) {
        // One of them knows nothing of compression.
        kw::net::client const opener{
            {.connection = {.statistics = true, .compression = i == 3 ? negotiator{} : extension}}};
        kw::net::websocket ws =
            co_await opener.connect(io, "ws://127.0.0.1:" + std::to_string(server.port()) + "/");
        for (int received = 0; received != 11; ++received) {
          kw::message const msg = co_await ws.receive();
          CHECK(msg.text() == (received == 7 ? "between" : received == 9 ? "short" : all_alike));
        }
        CHECK_FALSE(co_await ws.receive());
        std::uint64_t const plain = ws.extensions().empty() ? 9 : 2;
        std::uint64_t const bytes = ws.statistics()->bytes_received;
        CHECK(bytes >= plain * all_alike.size());
        CHECK(bytes < (plain + 4) * all_alike.size());
      }
      server.stop();
    };
    std::exception_ptr failure;
    asio::co_spawn(io, run, [&](std::exception_ptr thrown) {
      failure = thrown;
      server.stop();
    });
    io.run_for(30s);
    CHECK_FALSE(failure);
  }
}

}  // namespace net_deflate_tests
