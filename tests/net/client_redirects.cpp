// Redirects, credentials and cookies of a client.
#include <kindwire/net/client.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "scripted_server.hpp"

namespace client_redirects_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::connect_phase;

namespace {

// Answers `/x` with what it has for that, and everything else with a 101.
struct site {
  explicit site(asio::io_context& io)
      : server(io, [this](test::scripted_peer& peer) -> asio::awaitable<void> {
          std::string const head = co_await peer.head();
          heads.push_back(head);
          for (auto const& [path, answer] : answers) {
            if (head.starts_with("GET " + path + " ")) {
              std::string const text = "HTTP/1.1 " + answer + "\r\nContent-Length: 0\r\n\r\n";
              co_await peer.say(text);
              co_return;
            }
          }
          std::string const text = test::accepted(head, fields);
          co_await peer.say(text);
          co_await peer.wait();
        }) {}

  void redirect(std::string path, std::string const& to, std::string const& status = "302") {
    answers.emplace_back(std::move(path), status + " x\r\nLocation: " + to);
  }
  std::string url(std::string const& path = "/") const { return "ws://" + server.authority() + path; }
  bool asked(std::string const& text) const { return heads.back().find(text) != std::string::npos; }

  std::vector<std::pair<std::string, std::string>> answers;
  std::string fields;  // of a 101
  std::vector<std::string> heads;
  test::scripted_server server;
};

kw::net::connect_options following(unsigned most = 5) {
  kw::net::connect_options options;
  options.handshake_timeout = 50s;
  options.redirects = most;
  return options;
}

}  // namespace

TEST_CASE("redirects: a refusal like any other, unless they are opted in") {
  asio::io_context io;
  site here(io);
  here.redirect("/a", "/b");
  auto const refused = test::connect(io, here.url("/a"));
  CHECK(refused->outcome == kw::error::handshake_refused);
  CHECK(refused->failure.answer.status == 302);
  CHECK(test::connect(io, here.url("/a"), following())->outcome == std::error_code{});
  CHECK(here.heads.back().starts_with("GET /b HTTP/1.1\r\nHost: " + here.server.authority() + "\r\n"));
}

TEST_CASE("redirects: each kind, absolute and relative, to here and to elsewhere") {
  asio::io_context io;
  site here(io);
  site there(io);
  here.redirect("/1/a", "../2?x=y", "301");
  here.redirect("/2?x=y", "?x=z", "303");
  here.redirect("/2?x=z", "//" + there.server.authority() + "/3", "307");
  there.redirect("/3", "http://" + there.server.authority() + "/4#part", "308");
  CHECK(test::connect(io, here.url("/1/a"), following(4))->outcome == std::error_code{});
  CHECK(here.heads.size() == 3);
  CHECK(there.heads.size() == 2);
  CHECK(there.asked("GET /4 HTTP/1.1\r\nHost: " + there.server.authority() + "\r\n"));
  for (char const* status : {"300", "304", "305", "306", "400"}) {
    here.answers.clear();
    here.redirect("/", "/b", status);
    CHECK(test::connect(io, here.url(), following())->outcome == kw::error::handshake_refused);
  }
}

TEST_CASE("redirects: a loop ends, and what leads nowhere is told apart") {
  asio::io_context io;
  site here(io);
  here.redirect("/loop", "/loop");
  auto const loop = test::connect(io, here.url("/loop"), following(3));
  CHECK(loop->outcome == kw::error::too_many_redirects);
  CHECK(loop->failure.phase == connect_phase::refusal);
  CHECK(loop->what() == "more redirects than the limit: 302 Found");
  CHECK(here.heads.size() == 4);
  here.redirect("/ftp", "ftp://a/");
  here.redirect("/two", "/b\r\nLocation: /c");
  here.answers.emplace_back("/none", "302 x");
  for (char const* path : {"/ftp", "/two", "/none"}) {
    CAPTURE(path);
    auto const nowhere = test::connect(io, here.url(path), following());
    CHECK(nowhere->outcome == kw::error::redirect_refused);
    CHECK(nowhere->failure.phase == connect_phase::refusal);
  }
  here.redirect("/secure", "wss://a/");
  auto const secure = test::connect(io, here.url("/secure"), following());
  CHECK(secure->failure.phase != connect_phase::refusal);
}

TEST_CASE("redirects: one time for all of them") {
  asio::io_context io;
  site here(io);
  here.redirect("/loop", "/loop");
  auto options = following(1'000'000'000);
  options.handshake_timeout = 50ms;
  CHECK(test::connect(io, here.url("/loop"), options)->outcome == kw::error::handshake_timeout);
}

TEST_CASE("redirects: secrets stay with their origin, and do not come back") {
  asio::io_context io;
  site here(io);
  site there(io);
  here.redirect("/same", "/end");
  here.redirect("/other", there.url("/back"));
  there.redirect("/back", here.url("/end"));
  auto options = following();
  options.headers = {
      {"Cookie", "a=b"}, {"Proxy-Authorization", "x"}, {"X-Own", "kept"}, {"host", "own.example"}};
  std::string const with = "ws://ann:secret@" + here.server.authority();

  REQUIRE(test::connect(io, with + "/same", options)->outcome == std::error_code{});
  for (char const* text : {"Authorization: Basic YW5uOnNlY3JldA==", "Cookie: a=b", "X-Own", "own.example"})
    CHECK(here.asked(text));

  REQUIRE(test::connect(io, with + "/other", options)->outcome == std::error_code{});
  for (site const* each : {&there, &here}) {
    for (char const* text : {"Authorization", "Cookie", "Proxy-", "own.example"}) CHECK(!each->asked(text));
    CHECK(each->asked("X-Own: kept"));
  }
  int calls = 0;
  options.authorize = [&] { return "Bearer " + std::to_string(++calls); };
  REQUIRE(test::connect(io, here.url("/same"), options)->outcome == std::error_code{});
  CHECK(here.asked("Authorization: Bearer 2\r\n"));
  REQUIRE(test::connect(io, here.url("/other"), options)->outcome == std::error_code{});
  CHECK(calls == 3);
  CHECK(!here.asked("Authorization"));
}

TEST_CASE("credentials: a token that is asked for comes before others, and only one is sent") {
  asio::io_context io;
  site here(io);
  auto options = following();
  std::string token = "Bearer x";
  options.headers = {{"authorization", "own"}};
  options.authorize = [&] { return token; };
  std::string const with = "ws://ann:secret@" + here.server.authority();
  REQUIRE(test::connect(io, with, options)->outcome == std::error_code{});
  CHECK(here.asked("authorization: Bearer x\r\n"));
  CHECK(!here.asked("Basic"));
  token = "";
  REQUIRE(test::connect(io, with, options)->outcome == std::error_code{});
  CHECK(here.asked("authorization: own\r\n"));
  options.headers.clear();
  REQUIRE(test::connect(io, with, options)->outcome == std::error_code{});
  CHECK(here.asked("Authorization: Basic YW5uOnNlY3JldA==\r\n"));
  token = "a\r\nX-B: c";
  auto const invalid = test::connect(io, with, options);
  CHECK(invalid->outcome == kw::error::invalid_header);
  CHECK(invalid->what().find("X-B") == std::string::npos);
  options.authorize = []() -> std::string { throw std::runtime_error("x"); };
  auto const thrown = test::connect(io, with, options);
  CHECK(thrown->outcome == std::errc::operation_canceled);
  CHECK(thrown->failure.phase == connect_phase::uri);
}

TEST_CASE("cookies: those that were set on the way are offered, if that is asked for") {
  asio::io_context io;
  site here(io);
  here.answers.emplace_back("/in",
                            "302 x\r\nSet-Cookie: id=1; HttpOnly\r\nSet-Cookie: b=2\r\nLocation: /end");
  here.fields = "Set-Cookie: id=3\r\n";
  auto options = following();
  REQUIRE(test::connect(io, here.url("/in"), options)->outcome == std::error_code{});
  CHECK(!here.asked("Cookie"));
  options.cookies = std::make_shared<kw::cookie_jar>();
  options.headers = {{"Cookie", "b=own"}};
  REQUIRE(test::connect(io, here.url("/in"), options)->outcome == std::error_code{});
  CHECK(here.asked("\r\nCookie: b=own; id=1\r\n"));
  options.headers.clear();
  REQUIRE(test::connect(io, here.url("/again"), options)->outcome == std::error_code{});
  CHECK(here.asked("\r\nCookie: b=2; id=3\r\n"));
  site there(io);
  REQUIRE(test::connect(io, there.url(), options)->outcome == std::error_code{});
  CHECK(!there.asked("Cookie"));
}

}  // namespace client_redirects_tests
