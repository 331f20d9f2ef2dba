// A client's way through proxies, each a script that is the server behind it as well.
#include <kindwire/net/client.hpp>

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "scripted_server.hpp"
#include "support/free_port.hpp"

namespace client_proxies_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using namespace std::string_literals;
using kw::net::connect_phase;

namespace {

// Answers each CONNECT so, and the handshake that follows a 200.
test::scripted_server::script tunnel(std::string answer, std::vector<std::string>& heads) {
  return [answer = std::move(answer), &heads](test::scripted_peer& peer) -> asio::awaitable<void> {
    heads.push_back(co_await peer.head());
    co_await peer.say(answer);
    if (answer.find(" 200") == std::string::npos) co_return;
    heads.push_back(co_await peer.head());
    std::string const accepted = test::accepted(heads.back());
    co_await peer.say(accepted);
    co_await peer.wait();
  };
}

// A SOCKS 5 proxy that refuses 10.0.0.1, does not answer for 10.0.0.2, and is 10.0.0.3.
test::scripted_server::script third_address() {
  return [](test::scripted_peer& peer) -> asio::awaitable<void> {
    co_await peer.bytes(3);
    co_await peer.say("\x05\x00"s);
    std::string const request = co_await peer.bytes(10);
    if (request.empty()) co_return;
    if (request[7] == 1) co_await peer.say("\x05\x04"s);
    if (request[7] == 1) co_return;
    if (request[7] == 3) co_await peer.say("\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01"s);
    std::string const head = co_await peer.head();
    if (head.empty()) co_return;
    std::string const accepted = test::accepted(head);
    co_await peer.say(accepted);
    co_await peer.wait();
  };
}

kw::net::connect_options through(std::string const& proxy, std::string_view except = {}) {
  kw::net::connect_options options;
  options.handshake_timeout = 50s;
  options.proxy = kw::net::proxy(proxy, except);
  return options;
}

}  // namespace

TEST_CASE("client: through a tunnel, whose proxy knows the name") {
  asio::io_context io;
  std::vector<std::string> heads;
  test::scripted_server proxy(io, tunnel("HTTP/1.0 200 Connection established\r\nX-A: b\r\n\r\n", heads));
  auto const opened =
      test::connect(io, "ws://u:v@many.invalid:99/x", through("http://ann:secret@" + proxy.authority()));
  CHECK(opened->outcome == std::error_code{});
  CHECK(opened->ws.is_open());
  REQUIRE(heads.size() == 2);
  CHECK(heads[0] ==
        "CONNECT many.invalid:99 HTTP/1.1\r\nHost: many.invalid:99\r\n"
        "Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n\r\n");
  CHECK(heads[1].starts_with("GET /x HTTP/1.1\r\nHost: many.invalid:99\r\n"));
  CHECK(heads[1].find("Proxy-") == std::string::npos);
  CHECK(heads[1].find("\r\nAuthorization: Basic dTp2\r\n") != std::string::npos);
}

TEST_CASE("client: what comes with the proxy's answer is the server's") {
  asio::io_context io;
  test::scripted_server proxy(io, [](test::scripted_peer& peer) -> asio::awaitable<void> {
    co_await peer.head();
    co_await peer.say("HTTP/1.1 200 x\r\n\r\nHTTP/1.1 403 early\r\nContent-Length: 4\r\n\r\nbyte");
    co_await peer.wait();
  });
  auto const opened = test::connect(io, "ws://a.invalid/", through(proxy.authority()));
  CHECK(opened->outcome == kw::error::handshake_refused);
  CHECK(opened->failure.phase == connect_phase::refusal);
  CHECK(opened->failure.answer.status == 403);
  CHECK(opened->failure.answer.body == "byte");
}

TEST_CASE("client: a proxy that does not connect it") {
  asio::io_context io;
  std::vector<std::string> heads;
  auto const outcome = [&](std::string const& answer) {
    test::scripted_server proxy(io, tunnel(answer, heads));
    auto options = through("http://ann:secret@" + proxy.authority());
    options.head.max_head = 4096;
    auto const result = test::connect(io, "ws://a.invalid/", options);
    CHECK(result->failure.phase == connect_phase::proxy);
    CHECK(result->what().starts_with("proxy " + proxy.authority() + ": "));
    CHECK(result->what().find("secret") == std::string::npos);
    return result;
  };
  auto const unknown =
      outcome("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 3\r\n\r\nwho");
  CHECK(unknown->outcome == kw::error::proxy_authentication_required);
  CHECK(unknown->what().ends_with(": proxy wants credentials: 407 Proxy Authentication Required"));
  CHECK(unknown->failure.answer.body == "who");
  CHECK(outcome("HTTP/1.1 403 x\r\n\r\nno")->outcome == kw::error::proxy_refused);
  CHECK(outcome("HTTP/1.1 302 x\r\nLocation: ws://b/\r\n\r\n")->outcome == kw::error::proxy_refused);
  CHECK(outcome("")->outcome == kw::error::connection_lost);
  CHECK(outcome("SSH-2.0-x\r\n")->outcome == kw::error::http_malformed);
  CHECK(outcome("HTTP/1.1 200 x\r\nX-A: " + std::string(5000, 'x'))->outcome ==
        kw::error::http_head_too_large);

  auto const nobody = "127.0.0.1:" + std::to_string(test::free_port());
  auto const refused = test::connect(io, "ws://a.invalid/", through(nobody));
  CHECK(refused->outcome == asio::error::connection_refused);
  CHECK(refused->failure.phase == connect_phase::proxy);
  CHECK(refused->what() == "proxy " + nobody + ": connection to " + nobody + ": Connection refused");
}

TEST_CASE("client: a refusal's body that never ends is not waited for, nor a silent proxy") {
  asio::io_context io;
  test::scripted_server proxy(io, [](test::scripted_peer& peer) -> asio::awaitable<void> {
    co_await peer.head();
    co_await peer.say("HTTP/1.1 403 x\r\n\r\npart");
    co_await peer.wait();
  });
  auto options = through(proxy.authority());
  options.body_timeout = 20ms;
  auto const refused = test::connect(io, "ws://a.invalid/", options);
  CHECK(refused->outcome == kw::error::proxy_refused);
  CHECK(refused->failure.answer.body == "part");

  test::scripted_server silent(
      io, [](test::scripted_peer& peer) -> asio::awaitable<void> { co_await peer.wait(); });
  for (char const* scheme : {"http://", "socks5h://"}) {
    auto hasty = through(scheme + silent.authority());
    hasty.handshake_timeout = 20ms;
    auto const ended = test::connect(io, "ws://a.invalid/", hasty);
    CHECK(ended->outcome == kw::error::handshake_timeout);
    CHECK(ended->failure.phase == connect_phase::proxy);
  }
}

TEST_CASE("client: a server that is reached without the proxy") {
  asio::io_context io;
  test::scripted_server server(io, [](test::scripted_peer& peer) -> asio::awaitable<void> {
    std::string const head = co_await peer.head();
    CHECK(head.starts_with("GET /"));
    co_await peer.say(test::accepted(head));
  });
  auto const opened =
      test::connect(io, "ws://" + server.authority(), through("127.0.0.1:1", "10.0.0.0/8, 127.0.0.0/8"));
  CHECK(opened->outcome == std::error_code{});
}

TEST_CASE("client: by SOCKS 5, with names resolved there or here, and credentials") {
  asio::io_context io;
  std::string asked;
  bool wants_credentials = false;
  std::string reply = "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01"s;
  test::scripted_server proxy(io, [&](test::scripted_peer& peer) -> asio::awaitable<void> {
    std::string const greeting = co_await peer.bytes(2);
    co_await peer.bytes(static_cast<unsigned char>(greeting[1]));
    std::string const method{'\x05', wants_credentials ? '\x02' : '\x00'};
    co_await peer.say(method);
    if (wants_credentials) {
      std::string const who = co_await peer.bytes(12);
      CHECK(who ==
            "\x01\x03"
            "ann\x06secret");
      co_await peer.say("\x01\x00"s);
    }
    asked = co_await peer.bytes(4);
    std::size_t size = asked[3] == 1 ? 4 : 16;
    if (asked[3] == 3) {
      std::string const length = co_await peer.bytes(1);
      size = static_cast<unsigned char>(length[0]);
    }
    asked += co_await peer.bytes(size + 2);
    co_await peer.say(reply);
    std::string const head = co_await peer.head();
    if (head.empty()) co_return;
    co_await peer.say(test::accepted(head));
    co_await peer.wait();
  });
  auto const at = [](std::string_view host) {
    return host == "here.example"
               ? std::vector{asio::ip::make_address("::1"), asio::ip::make_address("127.0.0.1")}
               : std::vector<asio::ip::address>{};
  };
  SUBCASE("there") {
    auto const opened =
        test::connect(io, "ws://there.invalid:80/", through("socks5h://" + proxy.authority()));
    CHECK(opened->outcome == std::error_code{});
    CHECK(asked == "\x05\x01\x00\x03there.invalid\x00\x50"s);
  }
  SUBCASE("here") {
    auto options = through("socks5://" + proxy.authority());
    options.addresses = at;
    CHECK(test::connect(io, "ws://here.example:80/", options)->outcome == std::error_code{});
    CHECK(asked == "\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x00\x50"s);
  }
  SUBCASE("an address is one for either") {
    for (char const* scheme : {"socks5://", "socks5h://"}) {
      CHECK(test::connect(io, "ws://10.0.0.1:80/", through(scheme + proxy.authority()))->outcome ==
            std::error_code{});
      CHECK(asked == "\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50"s);
    }
  }
  SUBCASE("credentials") {
    wants_credentials = true;
    auto const opened =
        test::connect(io, "ws://a.invalid/", through("socks5h://ann:secret@" + proxy.authority()));
    CHECK(opened->outcome == std::error_code{});
  }
  SUBCASE("refusals") {
    reply = "\x05\x05"s;
    auto const refused = test::connect(io, "ws://a.invalid/", through("socks5h://" + proxy.authority()));
    CHECK(refused->outcome == kw::error::proxy_refused);
    CHECK(refused->what() ==
          "proxy " + proxy.authority() + ": proxy refused to connect: \"connection refused\"");
  }
  SUBCASE("a name that is not found here") {
    auto const unknown =
        test::connect(io, "ws://kindwire.invalid/", through("socks5://" + proxy.authority()));
    CHECK(unknown->failure.phase == connect_phase::name);
    CHECK(unknown->what().starts_with("name kindwire.invalid: "));
  }
  SUBCASE("what SOCKS cannot say") {
    auto const options = through("socks5h://" + std::string(256, 'u') + "@" + proxy.authority());
    CHECK(test::connect(io, "ws://a.invalid/", options)->outcome == kw::error::invalid_argument);
  }
}

TEST_CASE("client: by SOCKS 5, the addresses of a name in turn") {
  asio::io_context io;
  // By the last byte of the address: a reply, "" to end the connection, "silent", or "late" for a later one.
  std::map<int, std::string> replies;
  std::vector<int> asked;
  std::string method = "\x05\x00"s;
  std::string late;
  std::function<bool()> is_time = [&] { return asked.size() == 3; };
  int unwanted = 0;
  test::scripted_server proxy(io, [&](test::scripted_peer& peer) -> asio::awaitable<void> {
    std::string const greeting = co_await peer.bytes(2);
    co_await peer.bytes(static_cast<unsigned char>(greeting[1]));
    co_await peer.say(method);
    std::string const request = co_await peer.bytes(4);
    if (request.empty()) co_return;
    std::string const address = co_await peer.bytes(request[3] == 1 ? 6 : 18);
    asked.push_back(address[address.size() - 3]);
    std::string reply = replies[asked.back()];
    if (reply == "late") {
      asio::steady_timer pause(peer.socket.get_executor());
      while (!is_time()) {
        pause.expires_after(1ms);
        co_await pause.async_wait(asio::use_awaitable);
      }
      reply = late;
    }
    if (reply != "silent") co_await peer.say(reply);
    if (reply.size() == 10 || reply == "silent") {
      std::string const head = co_await peer.head();
      if (head.empty()) ++unwanted;
      if (head.empty()) co_return;
      co_await peer.say(test::accepted(head));
      co_await peer.wait();
    }
  });
  auto options = through("socks5://" + proxy.authority());
  options.connect_timeout = 50s;
  options.addresses = [](std::string_view) {
    return std::vector{asio::ip::make_address("::1"), asio::ip::make_address("::3"),
                       asio::ip::make_address("10.0.0.2")};
  };
  std::string const connected = "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01"s;
  std::string const unreachable = "\x05\x04"s;
  std::string const refused = "\x05\x05"s;
  SUBCASE("until one is reached, each on a connection of its own") {
    replies = {{1, unreachable}, {2, ""}, {3, connected}};
    auto const opened = test::connect(io, "ws://here.example:80/", options);
    CHECK(opened->outcome == std::error_code{});
    CHECK(opened->failure.answer.body.empty());
    CHECK(asked == std::vector{1, 2, 3});  // the families take turns
    CHECK(proxy.connections() == 3);
  }
  SUBCASE("no more than are needed") {
    replies = {{1, connected}};
    CHECK(test::connect(io, "ws://here.example:80/", options)->outcome == std::error_code{});
    CHECK(asked == std::vector{1});
  }
  SUBCASE("one that the proxy is long about") {
    replies = {{1, "silent"}, {2, refused}, {3, connected}};
    options.connect_timeout = 20ms;
    CHECK(test::connect(io, "ws://here.example:80/", options)->outcome == std::error_code{});
    CHECK(asked.back() == 3);
  }
  SUBCASE("a proxy that takes longer for each than the next one waits") {
    replies = {{1, "late"}, {2, "silent"}, {3, "silent"}};
    options.connect_timeout = 20ms;
    late = connected;
    auto const opened = test::connect(io, "ws://here.example:80/", options);
    CHECK(opened->outcome == std::error_code{});
    CHECK(asked.size() == 3);
    for (auto const end = std::chrono::steady_clock::now() + 50s;
         unwanted != 2 && io.run_one_until(end) != 0;) {}
    CHECK(unwanted == 2);
    CHECK(opened->ws.is_open());
  }
  SUBCASE("a late refusal waits for the others") {
    replies = {{1, "late"}, {2, refused}, {3, "late"}};
    options.connect_timeout = 20ms;
    late = unreachable;
    auto const failed = test::connect(io, "ws://here.example:80/", options);
    CHECK(failed->outcome == kw::error::proxy_refused);
    for (char const* const each : {"[::1]:80: proxy refused to connect: \"host unreachable\"",
                                   "10.0.0.2:80: proxy refused to connect: \"connection refused\"",
                                   "[::3]:80: proxy refused to connect: \"host unreachable\""})
      CHECK(failed->what().find(each) != std::string::npos);
  }
  SUBCASE("all failures are told, the last as the answer") {
    replies = {{1, unreachable}, {2, ""}, {3, refused}};
    auto const failed = test::connect(io, "ws://here.example:80/", options);
    CHECK(failed->outcome == kw::error::proxy_refused);
    CHECK(failed->failure.phase == connect_phase::proxy);
    CHECK(failed->what() == "proxy " + proxy.authority() +
                                ": connection to [::1]:80: proxy refused to connect: \"host unreachable\"; "
                                "10.0.0.2:80: connection lost without a close frame; "
                                "[::3]:80: proxy refused to connect: \"connection refused\"");
    CHECK(failed->failure.answer.body == "connection refused");
    CHECK(asked == std::vector{1, 2, 3});
  }
  SUBCASE("the last may take its time, but not for ever") {
    replies = {{1, unreachable}, {2, refused}, {3, "silent"}};
    options.handshake_timeout = 2s;
    auto const failed = test::connect(io, "ws://here.example:80/", options);
    CHECK(failed->outcome == kw::error::handshake_timeout);
    CHECK(failed->failure.phase == connect_phase::proxy);
    CHECK(failed->what() == "proxy " + proxy.authority() +
                                ": connection to [::1]:80: proxy refused to connect: \"host unreachable\"; "
                                "10.0.0.2:80: proxy refused to connect: \"connection refused\"; [::3]:80: " +
                                make_error_code(kw::error::handshake_timeout).message());
  }
  SUBCASE("the proxy takes no further connection, but answers on the first") {
    replies = {{1, "late"}};
    late = connected;
    bool stopped = false;
    options.connect_timeout = 20ms;
    options.on_socket = [&, sockets = 0](asio::ip::tcp::socket&) mutable {
      if (sockets++ == 0) return;
      proxy.stop();
      stopped = true;
    };
    is_time = [&, looks = 0]() mutable { return stopped && ++looks == 50; };
    CHECK(test::connect(io, "ws://here.example:80/", options)->outcome == std::error_code{});
    CHECK(asked == std::vector{1});
    CHECK(proxy.connections() == 1);
  }
  SUBCASE("the proxy goes away between two") {
    replies = {{1, unreachable}};
    options.on_socket = [&, sockets = 0](asio::ip::tcp::socket&) mutable {
      if (sockets++ == 1) proxy.stop();
    };
    auto const failed = test::connect(io, "ws://here.example:80/", options);
    CHECK(failed->outcome == asio::error::connection_refused);
    CHECK(failed->what() == "proxy " + proxy.authority() +
                                ": connection to [::1]:80: proxy refused to connect: \"host unreachable\"; " +
                                proxy.authority() + ": Connection refused");
  }
  SUBCASE("who we are matters for each alike") {
    method = "\x05\xff"s;
    for (char const* const credentials : {"", "ann:secret@"}) {
      options.proxy = kw::net::proxy("socks5://" + (credentials + proxy.authority()));
      auto const before = proxy.connections();
      auto const failed = test::connect(io, "ws://here.example:80/", options);
      CHECK(failed->outcome == kw::error::proxy_authentication_required);
      CHECK(proxy.connections() == before + 1);
    }
  }
}

TEST_CASE("client: ended after any number of steps of a proxy's, it leaves nothing") {
  bool is_socks = false;
  SUBCASE("a tunnel") {}
  SUBCASE("SOCKS 5: an address that is refused, one without an answer, and one that is reached") {
    is_socks = true;
  }
  std::string const scheme = is_socks ? "socks5://" : "http://";
  for (bool const destroys : {false, true}) {
    bool over = false;
    for (int steps = 0; !over; ++steps) {
      CAPTURE(steps);
      REQUIRE(steps < 1000);
      auto io = std::make_unique<asio::io_context>();
      std::vector<std::string> heads;
      auto proxy = std::make_unique<test::scripted_server>(
          *io, is_socks ? third_address() : tunnel("HTTP/1.1 200 x\r\n\r\n", heads));
      auto options = through(scheme + proxy->authority());
      if (is_socks) {
        options.connect_timeout = 20ms;
        options.addresses = [](std::string_view) {
          return std::vector{asio::ip::make_address("10.0.0.1"), asio::ip::make_address("10.0.0.2"),
                             asio::ip::make_address("10.0.0.3")};
        };
      }
      auto const held = std::make_shared<int>();
      asio::cancellation_signal stop;
      int completions = 0;
      kw::net::websocket opened;
      kw::net::connect(
          *io, "ws://a.invalid/", options,
          asio::bind_cancellation_slot(stop.slot(), [&, held](std::error_code, kw::net::websocket ws) {
            ++completions;
            opened = std::move(ws);
          }));
      for (int step = 0; step != steps && completions == 0; ++step) io->run_one_for(10s);
      over = completions != 0;
      if (!destroys && !over) {
        stop.emit(asio::cancellation_type::all);
        while (completions == 0 && io->run_one_for(10s) != 0) {}
        CHECK(completions == 1);
      }
      opened = {};
      proxy.reset();
      if (!destroys) {
        io->run_for(10s);
        CHECK(io->stopped());
      }
      io.reset();
      CHECK(held.use_count() == 1);
    }
  }
}

}  // namespace client_proxies_tests
