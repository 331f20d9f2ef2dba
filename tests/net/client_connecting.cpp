// How a client finds its server, and what it says when it does not.
#include <kindwire/net/client.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "scripted_server.hpp"
#include "support/free_port.hpp"

namespace client_connecting_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::connect_phase;

namespace {

asio::awaitable<void> accept(test::scripted_peer& peer) {
  std::string const head = co_await peer.head();
  co_await peer.say(test::accepted(head));
  co_await peer.wait();
}

// A host by that name with these addresses.
kw::net::connect_options at(std::vector<char const*> texts) {
  kw::net::connect_options options;
  options.handshake_timeout = 50s;
  options.connect_timeout = 50s;
  options.addresses = [texts](std::string_view host) {
    std::vector<asio::ip::address> all;
    if (host != "many.example") return all;
    for (char const* each : texts) all.push_back(asio::ip::make_address(each));
    return all;
  };
  return options;
}

std::string url(std::uint16_t port) { return "ws://many.example:" + std::to_string(port) + "/"; }

}  // namespace

TEST_CASE("client: the address that answers is found, whatever the others do") {
  asio::io_context io;
  test::scripted_server server(io, accept);
  test::deaf_server deaf(io, "127.0.0.2", server.port());
  SUBCASE("one refuses") {
    auto const opened = test::connect(io, url(server.port()), at({"127.0.0.3", "::1", "127.0.0.1"}));
    CHECK(opened->outcome == std::error_code{});
    CHECK(opened->ws.is_open());
  }
  SUBCASE("one says nothing") {
    auto const opened = test::connect(io, url(server.port()), at({"127.0.0.2", "127.0.0.1"}));
    CHECK(opened->outcome == std::error_code{});
  }
  SUBCASE("the first one answers") {
    auto const opened = test::connect(io, url(server.port()), at({"127.0.0.1", "127.0.0.2"}));
    CHECK(opened->outcome == std::error_code{});
  }
  CHECK(server.connections() == 1);
  deaf.stop();
}

TEST_CASE("client: no address answers, and each is named") {
  asio::io_context io;
  std::uint16_t const port = test::free_port();
  std::string const suffix = ":" + std::to_string(port);
  auto const alone = test::connect(io, "ws://127.0.0.1" + suffix);
  CHECK(alone->outcome == asio::error::connection_refused);
  CHECK(alone->failure.phase == connect_phase::connection);
  CHECK(alone->what() == "connection to 127.0.0.1" + suffix + ": Connection refused");

  auto const both = test::connect(io, url(port), at({"127.0.0.1", "127.0.0.2"}));
  CHECK(both->what() == "connection to 127.0.0.1" + suffix + ": Connection refused; 127.0.0.2" + suffix +
                            ": Connection refused");
  auto const many =
      test::connect(io, url(port), at({"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"}));
  CHECK(many->what().ends_with("; and 1 more: Connection refused"));

  test::deaf_server deaf(io);
  kw::net::connect_options hasty;
  hasty.connect_timeout = 1ms;
  auto const silent = test::connect(io, "ws://127.0.0.1:" + std::to_string(deaf.port()), hasty);
  CHECK(silent->outcome == asio::error::timed_out);
  CHECK(silent->failure.phase == connect_phase::connection);
  deaf.stop();
}

TEST_CASE("client: a name that is not found, and one that a program refuses to look up") {
  asio::io_context io;
  // RFC 6761 §6.4: such a name does not exist.
  auto const unknown = test::connect(io, "ws://kindwire.invalid/");
  CHECK(unknown->outcome);
  CHECK(unknown->failure.phase == connect_phase::name);
  CHECK(unknown->what() == "name kindwire.invalid: " + unknown->outcome->message());

  kw::net::connect_options options;
  options.addresses = [](std::string_view) -> std::vector<asio::ip::address> {
    throw std::system_error(std::make_error_code(std::errc::host_unreachable));
  };
  auto const refused = test::connect(io, "ws://many.example/", options);
  CHECK(refused->outcome == std::errc::host_unreachable);
  CHECK(refused->failure.phase == connect_phase::name);
  options.addresses = [](std::string_view) -> std::vector<asio::ip::address> {
    throw std::runtime_error("x");
  };
  CHECK(test::connect(io, "ws://many.example/", options)->outcome == std::errc::operation_canceled);
}

TEST_CASE("client: an address needs nobody to look it up") {
  asio::io_context io;
  test::scripted_server server(io, accept);
  kw::net::connect_options options;
  options.addresses = [](std::string_view) -> std::vector<asio::ip::address> {
    FAIL("asked");
    return {};
  };
#if defined(__linux__)
  auto const threads = [] {
    auto const all = std::filesystem::directory_iterator("/proc/self/task");
    return std::distance(begin(all), end(all));
  };
  auto const before = threads();
#endif
  CHECK(test::connect(io, "ws://" + server.authority(), options)->outcome == std::error_code{});
  std::string const nobody = "ws://[::1]:" + std::to_string(test::free_port());
  CHECK(test::connect(io, nobody, options)->failure.phase == connect_phase::connection);
#if defined(__linux__)
  CHECK(threads() == before);
#endif
}

TEST_CASE("client: the phases of what comes before and after a connection") {
  asio::io_context io;
  auto const invalid = test::connect(io, "http://a/");
  CHECK(invalid->outcome == kw::error::invalid_uri);
  CHECK(invalid->failure.phase == connect_phase::uri);
  CHECK(invalid->what() == "not a ws or wss URI");
  // Nothing stays of what the same place told before.
  kw::net::connect_failure told{
      connect_phase::refusal, kw::error::handshake_refused, "before", {403, {}, {}}};
  asio::ip::tcp::socket socket(io);
  kw::net::handshake(std::move(socket), "http://a/", {.failure = &told},
                     [](std::error_code, kw::net::websocket) {});
  io.restart();
  io.run();
  CHECK(told.phase == connect_phase::uri);
  CHECK(told.code == kw::error::invalid_uri);
  CHECK(told.answer.status == 0);
  kw::net::connect_options wrong;
  wrong.headers = {{"X-A", "b\r\nc"}};
  auto const unwritable = test::connect(io, "ws://127.0.0.1:1/", wrong);
  CHECK(unwritable->outcome == kw::error::invalid_header);
  CHECK(unwritable->failure.phase == connect_phase::uri);

  test::scripted_server server(io, [](test::scripted_peer& peer) -> asio::awaitable<void> {
    std::string const head = co_await peer.head();
    if (head.starts_with("GET /refused")) co_await peer.say("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n");
    if (head.starts_with("GET /ssh")) co_await peer.say("SSH-2.0-x\r\n");
    if (head.starts_with("GET /silent")) co_await peer.wait();
  });
  std::string const to = "ws://" + server.authority();
  auto const refused = test::connect(io, to + "/refused");
  CHECK(refused->failure.phase == connect_phase::refusal);
  CHECK(refused->what() == "server refused the WebSocket connection: 403 Forbidden");
  auto const other = test::connect(io, to + "/ssh");
  CHECK(other->failure.phase == connect_phase::handshake);
  CHECK(other->what() == R"(malformed HTTP head: "SSH-2.0-x\r\n")");
  auto const lost = test::connect(io, to + "/lost");
  CHECK(lost->outcome == kw::error::connection_lost);
  CHECK(lost->failure.phase == connect_phase::handshake);
  CHECK(lost->what() == "handshake with " + server.authority() + ": connection lost without a close frame");
  kw::net::connect_options hasty;
  hasty.handshake_timeout = 20ms;
  auto const silent = test::connect(io, to + "/silent", hasty);
  CHECK(silent->outcome == kw::error::handshake_timeout);
  CHECK(silent->what() == "handshake with " + server.authority() + ": opening handshake timed out");
}

TEST_CASE("client: what the application throws when it is told leaves the context") {
  asio::io_context io;
  test::scripted_server server(io, accept);
  for (bool const well : {true, false}) {
    auto const uri = well ? url(server.port()) : "ws://unknown.example:1/";
    auto options = at({"127.0.0.1"});
    options.addresses = [well, find = options.addresses](std::string_view host) {
      return well ? find(host) : throw std::system_error(make_error_code(kw::error::invalid_argument));
    };
    std::optional<std::error_code> outcome;
    kw::net::connect(io, uri, options, [&](std::error_code failure, kw::net::websocket) {
      outcome = failure;
      throw std::runtime_error("thrown");
    });
    CHECK_THROWS_WITH_AS(io.run_for(60s), "thrown", std::runtime_error);
    REQUIRE(outcome);
    CHECK(!*outcome == well);
  }
}

TEST_CASE("client: the time for all ends it wherever it is") {
  asio::io_context io;
  test::deaf_server deaf(io);
  kw::net::connect_options hasty;
  hasty.handshake_timeout = 20ms;
  std::string const to = "127.0.0.1:" + std::to_string(deaf.port());
  auto const waiting = test::connect(io, "ws://" + to, hasty);
  CHECK(waiting->outcome == kw::error::handshake_timeout);
  CHECK(waiting->failure.phase == connect_phase::connection);
  CHECK(waiting->what() == "connection to " + to + ": opening handshake timed out");
  deaf.stop();
}

TEST_CASE("client: where a connection comes from") {
  asio::io_context io;
  std::string from;
  test::scripted_server server(io, [&](test::scripted_peer& peer) -> asio::awaitable<void> {
    from = peer.socket.remote_endpoint().address().to_string();
    co_await accept(peer);
  });
  std::string const to = "ws://" + server.authority();
  kw::net::connect_options options;
  options.local_address = asio::ip::make_address("127.0.0.9");
  CHECK(test::connect(io, to, options)->outcome == std::error_code{});
  CHECK(from == "127.0.0.9");
  options.local_address = asio::ip::make_address("::1");
  CHECK(test::connect(io, to, options)->outcome == asio::error::address_family_not_supported);
  options.local_address = asio::ip::make_address("192.0.2.1");
  auto const foreign = test::connect(io, to, options)->outcome;
  CHECK(std::error_code(foreign->value(), std::system_category()) == std::errc::address_not_available);

  kw::net::connect_options bound;
#if defined(__linux__)
  bound.interface_name = "lo";
  CHECK(test::connect(io, to, bound)->outcome == std::error_code{});
#endif
  bound.interface_name = "no-such-device";
  auto const nowhere = test::connect(io, to, bound);
  CHECK((nowhere->outcome == std::errc::no_such_device || nowhere->outcome == std::errc::not_supported));
  bound.interface_name = std::string_view("a name that is longer than any");
  CHECK(test::connect(io, to, bound)->outcome == std::errc::no_such_device);
}

TEST_CASE("client: a program's hand on each socket") {
  asio::io_context io;
  test::scripted_server server(io, accept);
  kw::net::connect_options options = at({"127.0.0.3", "127.0.0.1"});
  int sockets = 0;
  options.on_socket = [&](asio::ip::tcp::socket& socket) {
    ++sockets;
    socket.set_option(asio::socket_base::keep_alive(true));
  };
  CHECK(test::connect(io, url(server.port()), options)->outcome == std::error_code{});
  CHECK(sockets == 2);
  options.on_socket = [](asio::ip::tcp::socket&) { throw std::runtime_error("x"); };
  CHECK(test::connect(io, url(server.port()), options)->outcome == std::errc::operation_canceled);
  options.on_socket = [](asio::ip::tcp::socket&) {
    throw std::system_error(std::make_error_code(std::errc::permission_denied));
  };
  CHECK(test::connect(io, url(server.port()), options)->outcome == std::errc::permission_denied);
  options.on_socket = [](asio::ip::tcp::socket&) { throw std::bad_alloc(); };
  CHECK(test::connect(io, url(server.port()), options)->outcome == std::errc::not_enough_memory);
}

TEST_CASE("client: ended after any number of steps, by cancelling or with the context, it leaves nothing") {
  for (bool const destroys : {false, true}) {
    bool over = false;
    for (int steps = 0; !over; ++steps) {
      CAPTURE(steps);
      CAPTURE(destroys);
      REQUIRE(steps < 1000);
      auto io = std::make_unique<asio::io_context>();
      auto server = std::make_unique<test::scripted_server>(*io, accept);
      auto const held = std::make_shared<int>();
      asio::cancellation_signal stop;
      int completions = 0;
      std::error_code outcome;
      kw::net::websocket opened;
      kw::net::connect_options options = at({"127.0.0.3", "127.0.0.1"});
      options.on_socket = [held](asio::ip::tcp::socket&) {};
      kw::net::connect(
          *io, url(server->port()), options,
          asio::bind_cancellation_slot(stop.slot(), [&, held](std::error_code how, kw::net::websocket ws) {
            ++completions;
            outcome = how;
            opened = std::move(ws);
          }));
      options = {};
      for (int step = 0; step != steps && completions == 0; ++step) io->run_one_for(10s);
      over = completions != 0;
      if (destroys) {
        server.reset();
        opened = {};
        io.reset();
      } else if (!over) {
        stop.emit(asio::cancellation_type::all);
        while (completions == 0 && io->run_one_for(10s) != 0) {}
        CHECK(completions == 1);
        // It comes too late for one that was open when it was asked for.
        CHECK((outcome == asio::error::operation_aborted || opened.is_open()));
        opened = {};
        server.reset();
        io->run_for(10s);
        CHECK(io->stopped());
      }
      opened = {};
      server.reset();
      if (io) io->run_for(10s);
      CHECK(held.use_count() == 1);
    }
  }
}

}  // namespace client_connecting_tests
