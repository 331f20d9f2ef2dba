// Answers of Redis, whole and in pieces, and those that it must not give.
#include <kindwire/hub/redis/reply.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace redis_reply_tests {

namespace kw = kindwire;
using kw::detail::redis_reply_reader;
using kind = kw::detail::redis_reply::kind;

namespace {

std::error_code failure_of(std::string const& text, std::size_t most = 1000) {
  redis_reply_reader reader(most);
  std::error_code failure = reader.feed(text.data(), text.size());
  while (!failure && reader.next(failure)) {}
  return failure;
}

}  // namespace

TEST_CASE("redis reply: every kind, byte by byte") {
  std::string_view const whole =
      "*6\r\n$3\r\na\rb\r\n+OK\r\n-ERR x\r\n:-7\r\n$-1\r\n*2\r\n:1\r\n*0\r\n+next\r\n";
  redis_reply_reader reader(1000);
  std::error_code failure;
  int found = 0;
  for (char const each : whole) {
    CHECK_FALSE(reader.feed(&each, 1));
    if (!reader.next(failure)) continue;
    if (found++ == 1) {
      CHECK(reader.reply().is_status("next"));
      continue;
    }
    auto const& reply = reader.reply();
    REQUIRE(reply.is_array_of(6));
    CHECK(reply.items[0].text == "a\rb");
    CHECK(reply.items[1].is_status("OK"));
    CHECK(reply.items[2].is(kind::error));
    CHECK(reply.items[3].integer == -7);
    CHECK(reply.items[4].is(kind::nil));
    CHECK(reply.items[5].is_array_of(2));
    CHECK(reply.items[5].items[1].is_array_of(0));
  }
  CHECK(found == 2);
  CHECK_FALSE(failure);
}

TEST_CASE("redis reply: what is too long, too deep, or no RESP at all, is refused at a bounded cost") {
  CHECK(failure_of("$5000\r\n" + std::string(994, 'x')) == kw::redis_error::reply_too_large);
  CHECK(failure_of("*2147483647\r\n") == kw::redis_error::reply_too_large);
  std::string nested;
  for (int i = 0; i != 20; ++i) nested += "*1\r\n";
  CHECK(failure_of(nested));
  std::string wide = "*2\r\n*200000\r\n";
  for (int i = 0; i != 200000; ++i) wide += "*0\r\n";
  wide += "*200000\r\n";
  CHECK(failure_of(wide, std::size_t{2} << 20) == kw::redis_error::reply_too_large);
  CHECK(failure_of("hello\r\n") == kw::redis_error::protocol);
  CHECK(failure_of("*x\r\n"));
  // Many answers of any length together are not one that is too long.
  std::string many;
  for (int i = 0; i != 100; ++i) many += "+OK\r\n";
  redis_reply_reader reader(600);
  for (int i = 0; i != 10; ++i) {
    std::error_code failure = reader.feed(many.data(), many.size());
    while (reader.next(failure)) {}
    CHECK_FALSE(failure);
  }
}

}  // namespace redis_reply_tests
