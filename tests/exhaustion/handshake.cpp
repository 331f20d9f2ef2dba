// The opening handshake on both sides, and its parts, that meet std::bad_alloc at their n-th allocation.
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/router.hpp>
#include <kindwire/handshake/server.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

#include "../handshake/sample.hpp"
#include "scarce_memory.hpp"

namespace handshake_tests {

namespace kw = kindwire;
using exhaustion::at_every_allocation;
using exhaustion::scarce_memory;

namespace {

auto const no_memory = std::make_error_code(std::errc::not_enough_memory);

std::string const long_request =
    sample::upgrade{}
        .asking("GET /a/path/that/is/long/enough?and=a%20query&with=more HTTP/1.1")
        .with("Sec-WebSocket-Protocol: chat, superchat, another-one-that-is-long")
        .with("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
        .with("Origin: http://server.example.com")
        .text();
std::vector<std::string> const spoken{"a-protocol-that-they-do-not-know", "another-one-that-is-long"};

// Gives `text` to a handshake. False if it met the refusal; then it has failed for good.
template <class Handshake>
bool feed(scarce_memory& memory, Handshake& handshake, std::string_view text, std::size_t size) {
  while (!text.empty()) {
    std::string_view const piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    std::span<std::byte> room;
    if (!memory.attempt_twice([&] { room = handshake.prepare(piece.size()); })) {
      CHECK(handshake.status() == kw::handshake_status::reading);
      return false;
    }
    std::memcpy(room.data(), piece.data(), piece.size());
    if (!memory.attempt([&] { handshake.commit(piece.size()); })) {
      // A refusal stays one where only its body finds no room.
      std::error_code expected = no_memory;
      if constexpr (requires { handshake.is_refused(); }) {
        if (handshake.is_refused()) expected = kw::error::handshake_refused;
      }
      CHECK(handshake.status() == kw::handshake_status::failed);
      CHECK(handshake.error() == expected);
      sample::feed(handshake, long_request);  // not looked at
      CHECK(handshake.status() == kw::handshake_status::failed);
      CHECK(handshake.error() == expected);
      return false;
    }
  }
  return true;
}

// `write` appends to a string: all of it, or nothing.
template <class Write>
void check_appends(scarce_memory& memory, Write write) {
  std::string const before = "what was there";
  std::string out = before;
  std::error_code failure;
  if (memory.attempt([&] { failure = write(out); })) {
    CHECK_FALSE(failure);
    CHECK(out.size() > before.size());
  } else {
    CHECK(out == before);
  }
}

kw::header_list long_fields() {
  return {{"Set-Cookie", "a-cookie-of-some-length=and-its-value"}, {"X-Another", "with a value, too"}};
}

}  // namespace

TEST_CASE("no memory: a server's handshake is ready, or fails and is answered with 500") {
  for (std::size_t const piece : {std::size_t{1}, std::size_t{100}, long_request.size()}) {
    CAPTURE(piece);
    at_every_allocation([&](scarce_memory& memory) {
      kw::server_handshake handshake;
      if (!feed(memory, handshake, long_request, piece)) {
        if (handshake.status() == kw::handshake_status::failed)
          CHECK(handshake.error_response().status == 500);
        return;
      }
      CHECK(handshake.status() == kw::handshake_status::ready);
      CHECK(handshake.request().query("and") == "a query");
      std::optional<kw::refusal> refused;
      if (!memory.attempt_twice([&] { refused = kw::check_upgrade(handshake.request()); })) return;
      CHECK(!refused);
      std::string_view chosen;
      if (!memory.attempt_twice([&] { chosen = kw::select_subprotocol(handshake.request(), spoken); }))
        return;
      CHECK(chosen == spoken[1]);
      kw::accept_options const options{.subprotocol = chosen, .headers = long_fields()};
      check_appends(memory,
                    [&](std::string& out) { return kw::write_accept(handshake.request(), options, out); });
    });
  }
}

TEST_CASE("no memory: a refusal is written whole, or not at all") {
  at_every_allocation([](scarce_memory& memory) {
    kw::response answer;
    if (!memory.attempt_twice([&] {
          answer = kw::response_for(kw::error::handshake_version);
          for (auto const& [name, value] : long_fields()) answer.headers.emplace_back(name, value);
        }))
      return;
    CHECK(answer.status == 426);
    check_appends(memory, [&](std::string& out) { return kw::write_response(answer, out); });
  });
}

TEST_CASE("no memory: a client's handshake opens, or fails") {
  auto const to = kw::uri::parse("ws://server.example.com:8080/a/path/that/is/long/enough?and=a%20query");
  for (std::size_t const piece : {std::size_t{1}, std::size_t{1000}}) {
    at_every_allocation([&](scarce_memory& memory) {
      kw::client_options const options{.subprotocols = spoken, .headers = long_fields()};
      std::optional<kw::client_handshake> made;
      if (!memory.attempt_twice([&] { made.emplace(*to, options); })) return;
      CHECK_FALSE(made->error());
      std::string const request{reinterpret_cast<char const*>(made->output().data()), made->output().size()};
      std::string answer =
          "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Protocol: another-one-that-is-long\r\nSec-WebSocket-Accept: ";
      answer += kw::accept_key(request.substr(request.find("Sec-WebSocket-Key: ") + 19, 24)) + "\r\n\r\n";
      if (!feed(memory, *made, answer, piece)) return;
      CHECK(made->status() == kw::handshake_status::ready);
      CHECK(made->subprotocol() == spoken[1]);
    });
  }
}

TEST_CASE("no memory: a client that is refused hears of it, or fails") {
  auto const to = kw::uri::parse("ws://server.example.com/");
  std::string const refusals[] = {
      "HTTP/1.1 403 Forbidden\r\nX-Why: for a reason of some length\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1e\r\nthirty bytes of a chunked body\r\n0\r\n\r\n",
      "HTTP/1.1 403 Forbidden\r\nX-Why: for a reason of some length\r\n\r\nthirty bytes of a chunked body"};
  for (std::string const& answer : refusals) {
    at_every_allocation([&](scarce_memory& memory) {
      kw::client_handshake handshake(*to);
      if (!feed(memory, handshake, answer, 7)) return;
      if (!memory.attempt([&] { handshake.end_of_input(); })) return;
      CHECK(handshake.error() == kw::error::handshake_refused);
      CHECK(handshake.answer().body == "thirty bytes of a chunked body");
    });
  }
}

TEST_CASE("no memory: a router goes on without the route that could not be added") {
  at_every_allocation([](scarce_memory& memory) {
    kw::router<int> routes;
    std::string_view const patterns[] = {"/a-rather-long-segment/{parameter}/and-another-one",
                                         "/a-rather-long-segment/{parameter}",
                                         "/a-rather-long-segment/literal/", "/"};
    std::string_view const paths[] = {"/a-rather-long-segment/a-value-of-some%20length/and-another-one",
                                      "/a-rather-long-segment/a-value-of-some%20length",
                                      "/a-rather-long-segment/literal/", "/"};
    bool added[4] = {};
    std::error_code failure;
    // The first attempt at each may fail anywhere in it, and then the paths are looked for all the same.
    for (int round = 0; round != 2; ++round) {
      for (int i = 0; i != 4; ++i) {
        if (!added[i]) added[i] = memory.attempt([&] { failure = routes.add(patterns[i], i); });
        for (int j = 0; j != 4; ++j) {
          auto const found = routes.match(paths[j]);
          CHECK(static_cast<bool>(found) == added[j]);
          if (found) CHECK(*found.target == j);
        }
      }
    }
    CHECK_FALSE(failure);
    for (int i = 0; i != 4; ++i) CHECK((added[i] || memory.for_good()));
    decltype(routes)::match_result found;
    if (!memory.attempt_twice([&] { found = routes.match(paths[0]); }) || !added[0]) return;
    CHECK(*found.target == 0);
    CHECK(found.parameters.at(0).second == "a-value-of-some length");
  });
}

TEST_CASE("no memory: URIs, requests, their copies and what is asked of them") {
  at_every_allocation([](scarce_memory& memory) {
    std::optional<kw::uri> to;
    if (!memory.attempt_twice([&] {
          to = kw::uri::parse("ws://a-host-of-some-length.example.com:81/a/path?with=a-query-behind-it");
        }))
      return;
    REQUIRE(to);
    CHECK(to->target == "/a/path?with=a-query-behind-it");

    kw::request original, copy;
    std::error_code failure;
    if (!memory.attempt_twice([&] { failure = kw::request::parse(long_request, original); })) return;
    CHECK_FALSE(failure);
    if (!memory.attempt_twice([&] { copy = original; })) return;
    CHECK(copy.target() == original.target());
    CHECK(copy.headers().size() == original.headers().size());
    std::optional<std::string> value;
    if (!memory.attempt_twice([&] { value = copy.query("with"); })) return;
    CHECK(value == "more");
    std::vector<std::string_view> offered;
    if (!memory.attempt_twice([&] { offered = copy.subprotocols(); })) return;
    CHECK(offered.size() == 3);
  });
}

}  // namespace handshake_tests
