// An extension through server, client and remote, with one that knows nothing of compression.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../support/toy_extension.hpp"

namespace net_compression_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using support::toy_negotiator;

namespace {

asio::awaitable<void> echo(kw::net::websocket& ws) {
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

// Runs `client` against an echo server until both have ended.
template <class Client>
void with_echo(kw::net::connection_options options, Client client, kw::net::route_options route = {},
               bool strands = false) {
  asio::io_context io(strands ? 2 : 1);
  std::string agreed = "not opened";
  kw::net::server server{io, {.connection = std::move(options), .strands = strands}};
  server.websocket(
      "/",
      [&agreed](kw::net::websocket& ws) {
        agreed = ws.extensions();
        return echo(ws);
      },
      std::move(route));
  server.start();
  std::exception_ptr failure;
  asio::co_spawn(io, client("ws://127.0.0.1:" + std::to_string(server.port()) + "/", io),
                 [&](std::exception_ptr thrown) {
                   failure = thrown;
                   server.stop();
                 });
  io.run_for(20s);
  CHECK_FALSE(failure);
  CHECK(agreed != "not opened");
}

}  // namespace

TEST_CASE("server and client agree on an extension, and speak it through every way of sending") {
  auto const toy = std::make_shared<toy_negotiator>();
  for (bool const strands : {false, true}) {
    with_echo(
        {.compression = toy},
        [&](std::string to, asio::io_context& io) -> asio::awaitable<void> {
          kw::net::client const client{{.connection = {.compression = toy}}};
          kw::net::websocket ws = co_await client.connect(io, to);
          CHECK(ws.extensions() == "toy; loud");
          std::vector<std::byte> const bytes(100'000, std::byte{'b'});
          for (int round = 0; round != 3; ++round) {
            co_await ws.send("text");
            co_await ws.send("plain", kw::compress::no);
            co_await ws.send(bytes);
            CHECK_FALSE(ws.try_send(bytes, kw::compress::no));
            co_await ws.send("with a token", kw::compress::yes, asio::use_awaitable);
            co_await ws.send(kw::message_type::text, kw::detail::as_bytes("a"), kw::compress::no,
                             asio::use_awaitable);
            auto const remote = ws.remote();
            CHECK_FALSE(remote.send("from elsewhere"));
            CHECK_FALSE(remote.send("from elsewhere, plain", kw::compress::no));
            co_await ws.send_fragment(kw::message_type::text, kw::detail::as_bytes("in "), false);
            co_await ws.ping("?");
            CHECK_FALSE(remote.send("between"));
            co_await ws.send_fragment(kw::message_type::continuation, kw::detail::as_bytes("parts"), true,
                                      kw::compress::yes, asio::use_awaitable);
            for (std::string const expected : {"text", "plain"})
              CHECK((co_await ws.receive()).text() == expected);
            for (int i = 0; i != 2; ++i) CHECK((co_await ws.receive()).size() == bytes.size());
            for (std::string const expected :
                 {"with a token", "a", "from elsewhere", "from elsewhere, plain", "in parts", "between"})
              CHECK((co_await ws.receive()).text() == expected);
          }
          co_await ws.close();
        },
        {}, strands);
  }
}

TEST_CASE("one end alone, or a route that has options of its own, does without") {
  auto const toy = std::make_shared<toy_negotiator>();
  auto const plain = [](kw::net::connection_options with) {
    return [with](std::string to, asio::io_context& io) -> asio::awaitable<void> {
      kw::net::client const client{{.connection = with}};
      kw::net::websocket ws = co_await client.connect(io, to);
      CHECK(ws.extensions().empty());
      co_await ws.send("text");
      CHECK((co_await ws.receive()).text() == "text");
      co_await ws.close();
    };
  };
  with_echo({.compression = toy}, plain({}));
  with_echo({}, plain({.compression = toy}));
  with_echo({.compression = toy}, plain({.compression = toy}), {.connection = kw::net::connection_options{}});
}

TEST_CASE("an extension outlives the activity of a connection that comes to rest") {
  auto const toy = std::make_shared<toy_negotiator>();
  with_echo({.compression = toy}, [&](std::string to, asio::io_context& io) -> asio::awaitable<void> {
    kw::net::client const client{{.connection = {.compression = toy}}};
    kw::net::websocket ws = co_await client.connect(io, to);
    for (int round = 0; round != 20; ++round) {
      co_await ws.send("again");
      CHECK((co_await ws.receive()).text() == "again");
      CHECK_FALSE(ws.try_receive());  // which ends the view, so that there is nothing left to keep
    }
    co_await ws.close();
  });
}

namespace {

// Each byte on its own: what one connection has made, another may send.
class alike final : public kw::message_extension {
 public:
  class flipping final : public kw::message_encoder {
   public:
    std::optional<bool> encode(kw::message_type, std::span<std::byte const> payload,
                               kw::buffer& to) const override {
      ++calls;
      for (std::byte const each : payload) append_flipped(each, to);
      return true;
    }
    mutable std::atomic<int> calls{0};
  };

  explicit alike(std::shared_ptr<flipping> by) : message_extension(0x20), by_(std::move(by)) {}
  std::size_t longest_encoding(std::size_t size, std::size_t) const noexcept override { return size; }
  kw::error decode(std::span<std::byte const>& input, std::span<std::byte>& room, bool) override {
    for (; !input.empty() && !room.empty(); input = input.subspan(1), room = room.subspan(1))
      room.front() = ~input.front();
    return {};
  }
  bool encode(kw::message_type, std::span<std::byte const> payload, bool, kw::compress,
              kw::buffer& to) override {
    for (std::byte const each : payload) append_flipped(each, to);
    return true;
  }
  std::shared_ptr<kw::message_encoder const> encoder() const noexcept override { return by_; }

 private:
  static void append_flipped(std::byte each, kw::buffer& to) {
    std::byte const flipped = ~each;
    to.append({&flipped, 1});
  }
  std::shared_ptr<flipping> by_;
};

class alike_negotiator final : public kw::extension_negotiator {
 public:
  std::vector<kw::extension> offer() const override { return {{"alike", {}}}; }
  kw::agreed_extension accept(std::vector<kw::extension> const&) const override {
    return {"alike", std::make_unique<alike>(by)};
  }
  std::error_code confirm(std::vector<kw::extension> const&, std::vector<kw::extension> const& answered,
                          kw::agreed_extension& agreed) const override {
    if (!answered.empty()) agreed = {"alike", std::make_unique<alike>(by)};
    return {};
  }
  std::shared_ptr<alike::flipping> const by = std::make_shared<alike::flipping>();
};

}  // namespace

TEST_CASE("a prepared message is encoded once, however and to however many it is sent") {
  auto const at_server = std::make_shared<alike_negotiator>();
  auto const at_client = std::make_shared<alike_negotiator>();
  kw::prepared_message const news{"to everybody"};
  kw::prepared_message const by_remotes{"to everybody"};
  asio::io_context io;
  kw::net::server server{io, {.connection = {.compression = at_server}}};
  server.websocket("/", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    kw::net::remote const remote = ws.remote();
    for (bool const by_remote : {true, false}) {
      std::error_code const refused = by_remote ? remote.send(by_remotes) : ws.try_send(news);
      CHECK_FALSE(refused);
      CHECK((co_await ws.receive()).text() == "to everybody");
    }
    co_await ws.close();
  });
  server.start();
  auto const run = [&]() -> asio::awaitable<void> {
    for (int i = 0; i != 3; ++i) {
      kw::net::client const client{{.connection = {.compression = at_client}}};
      kw::net::websocket ws =
          co_await client.connect(io, "ws://127.0.0.1:" + std::to_string(server.port()) + "/");
      CHECK(ws.extensions() == "alike");
      while (kw::message const msg = co_await ws.receive()) {
        CHECK(msg.text() == "to everybody");
        co_await ws.send(news);  // masked
      }
    }
    server.stop();
  };
  std::exception_ptr failure;
  asio::co_spawn(io, run, [&](std::exception_ptr thrown) {
    failure = thrown;
    server.stop();
  });
  io.run_for(20s);
  CHECK_FALSE(failure);
  CHECK(at_server->by->calls == 2);
  CHECK(at_client->by->calls == 1);
}

TEST_CASE("a connection lets its extension rest, whether anybody is pinged or not") {
  auto const toy = std::make_shared<toy_negotiator>();
  for (auto const interval : {0ms, 20ms}) {
    int const before = support::toy_extension::all_rests;
    with_echo({.ping_interval = interval, .compression = toy},
              [&](std::string to, asio::io_context& io) -> asio::awaitable<void> {
                kw::net::client const client{{.connection = {.ping_interval = interval, .compression = toy}}};
                kw::net::websocket ws = co_await client.connect(io, to);
                co_await ws.send("awake");
                CHECK((co_await ws.receive()).text() == "awake");
                co_await asio::steady_timer(io, 100ms).async_wait(asio::use_awaitable);
                co_await ws.close();
              });
    CHECK(support::toy_extension::all_rests == before + 2);  // not at each ping
  }
}

TEST_CASE("a connection without compression pays a pointer for what few have") {
  CHECK(sizeof(kw::net::detail::activity_place) <= 5 * sizeof(void*));
}

}  // namespace net_compression_tests
