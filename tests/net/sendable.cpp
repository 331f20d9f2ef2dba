#include <kindwire/net/sendable.hpp>
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <array>
#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "faults.hpp"
#include "test_stream.hpp"

namespace sendable_tests {

namespace kw = kindwire;
using kw::net::binary_sendable;

static_assert(binary_sendable<std::vector<std::uint8_t>> && binary_sendable<std::vector<char>>);
static_assert(binary_sendable<std::vector<std::byte>> && binary_sendable<std::array<unsigned char, 4>>);
static_assert(binary_sendable<std::span<std::uint8_t const>> && binary_sendable<std::span<std::uint8_t>>);
static_assert(binary_sendable<std::span<std::byte, 4>> && binary_sendable<std::span<char const>>);
static_assert(binary_sendable<unsigned char[4]> && binary_sendable<std::byte[4]>);
static_assert(!binary_sendable<std::string> && !binary_sendable<std::string_view> &&
              !binary_sendable<char[4]>);
static_assert(!binary_sendable<char const*> && !binary_sendable<char[1]>);
static_assert(!binary_sendable<std::vector<int>> && !binary_sendable<std::vector<bool>>);
static_assert(!binary_sendable<std::deque<char>> && !binary_sendable<std::vector<signed char>>);
static_assert(!binary_sendable<int> && !binary_sendable<kw::message> && !binary_sendable<kw::message_type>);

namespace {

struct server_side {
  ~server_side() { far->drop(); }

  // What one operation makes the peer receive.
  template <class Work>
  std::vector<test::whole_frame> frames_of(Work work) {
    work();
    test::settle(io);
    auto const result = test::frames_in(far->written(), kw::role::client);
    far->writes.clear();
    return result;
  }

  asio::io_context io;
  std::shared_ptr<test::peer> far = std::make_shared<test::peer>(io.get_executor());
  kw::net::basic_websocket<test::stream> ws{test::stream(far), kw::role::server};
};

}  // namespace

TEST_CASE("sendable: bytes are sent as BINARY, whatever holds them, and what is text as TEXT") {
  server_side side;
  auto& ws = side.ws;
  std::error_code outcome;
  auto const done = [&](std::error_code error) { outcome = error; };
  std::vector<std::uint8_t> const numbers{'h', 'i'};
  std::vector<char> const letters{'h', 'i'};
  std::array<unsigned char, 2> array{'h', 'i'};
  unsigned char const plain[] = {'h', 'i'};
  std::span<std::uint8_t const> const view(numbers);
  std::vector<test::whole_frame> const binary{{kw::opcode::binary, "hi"}};
  CHECK(side.frames_of([&] { ws.try_send(numbers); }) == binary);
  CHECK(side.frames_of([&] { ws.try_send(letters); }) == binary);
  CHECK(side.frames_of([&] { ws.try_send(array); }) == binary);
  CHECK(side.frames_of([&] { ws.try_send(plain); }) == binary);
  CHECK(side.frames_of([&] { ws.try_send(view); }) == binary);
  CHECK(side.frames_of([&] { ws.send(numbers, done); }) == binary);
  CHECK(side.frames_of([&] { ws.send(view, done); }) == binary);
  CHECK(side.frames_of([&] { static_cast<void>(ws.send(letters)); }) == binary);
  CHECK(side.frames_of([&] { CHECK(!ws.remote().send(numbers)); }) == binary);
  CHECK(side.frames_of([&] { CHECK(!ws.remote().send(view)); }) == binary);
  CHECK(side.frames_of([&] { ws.try_send(std::vector<std::uint8_t>{}); }) ==
        std::vector<test::whole_frame>{{kw::opcode::binary, ""}});

  std::vector<test::whole_frame> const text{{kw::opcode::text, "hi"}};
  char const literal[] = "hi";
  CHECK(side.frames_of([&] { ws.try_send("hi"); }) == text);
  CHECK(side.frames_of([&] { ws.try_send(literal); }) == text);
  CHECK(side.frames_of([&] { ws.try_send(std::string("hi")); }) == text);
  CHECK(side.frames_of([&] { ws.send(std::string_view("hi"), done); }) == text);
  CHECK(side.frames_of([&] { ws.try_send(kw::message_type::text, letters); }) == text);
  CHECK(side.frames_of([&] { ws.send(kw::message_type::text, numbers, done); }) == text);
  CHECK(side.frames_of([&] { CHECK(!ws.remote().send(kw::message_type::text, numbers)); }) == text);
  CHECK(!outcome);
}

TEST_CASE("sendable: ping and close take a token alone, as every operation does") {
  server_side side;
  auto& ws = side.ws;
  int done = 0;
  auto const count = [&](std::error_code error) {
    CHECK(!error);
    ++done;
  };
  CHECK(side.frames_of([&] { ws.ping(count); }) == std::vector<test::whole_frame>{{kw::opcode::ping, ""}});
  CHECK(side.frames_of([&] { ws.ping("hi", count); }) ==
        std::vector<test::whole_frame>{{kw::opcode::ping, "hi"}});
  CHECK(done == 2);
  SUBCASE("close(token)") {
    CHECK(side.frames_of([&] { ws.close(count); }) ==
          std::vector<test::whole_frame>{{kw::opcode::close, test::close_body(1000)}});
  }
  SUBCASE("close(code, token)") {
    CHECK(side.frames_of([&] { ws.close(kw::close_code::going_away, count); }) ==
          std::vector<test::whole_frame>{{kw::opcode::close, test::close_body(1001)}});
  }
  side.far->push_close(kw::role::client);
  side.far->end();
  test::settle(side.io);
  CHECK(done == 3);
}

}  // namespace sendable_tests
