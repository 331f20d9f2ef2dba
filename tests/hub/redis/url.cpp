// Where Redis is, by its URL.
#include <kindwire/hub/redis.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "../backplane_sides.hpp"

namespace redis_url_tests {

namespace kw = kindwire;

namespace {

std::optional<kw::detail::redis_url> parse(std::string_view text) {
  return kw::detail::redis_url_parser::parse(text);
}

}  // namespace

TEST_CASE("redis url: hosts, ports, passwords and databases") {
  auto url = parse("redis://127.0.0.1");
  REQUIRE(url);
  CHECK(url->addresses.at(0) == kw::detail::redis_address{.host = "127.0.0.1", .port = "6379", .path = {}});
  CHECK(url->database == 0);
  CHECK(url->password.empty());

  url = parse("rediss://ann:p%40ss%3A%2f@redis.example:7000/12");
  REQUIRE(url);
  CHECK(url->addresses.at(0) ==
        kw::detail::redis_address{.host = "redis.example", .port = "7000", .path = {}, .tls = true});
  CHECK(url->user == "ann");
  CHECK(url->password == "p@ss:/");
  CHECK(url->database == 12);

  url = parse("redis://:secret@[::1]:6380/");
  REQUIRE(url);
  CHECK(url->addresses.at(0).host == "::1");
  CHECK(url->addresses.at(0).port == "6380");
  CHECK(url->user.empty());
  CHECK(url->password == "secret");

  url = parse("unix://:secret@/run/redis%20a.sock");
  REQUIRE(url);
  CHECK(url->addresses.at(0).path == "/run/redis a.sock");
  CHECK(url->password == "secret");

  url = parse("redis+sentinel://:secret@one,two:7001,[::1]/main/3");
  REQUIRE(url);
  REQUIRE(url->addresses.size() == 3);
  CHECK(url->addresses[0].port == "26379");
  CHECK(url->addresses[1].port == "7001");
  CHECK(url->addresses[2].host == "::1");
  CHECK(url->master == "main");
  CHECK(url->database == 3);
}

TEST_CASE("redis url: what is malformed is refused, and not repeated in the error") {
  test::strings const texts{"",
                            "redis:",
                            "redis://",
                            "redis:///1",
                            "http://a",
                            "redis://a:0",
                            "redis://a:65536",
                            "redis://a:x",
                            "redis://a:1x",
                            "redis://a/x",
                            "redis://a/-1",
                            "redis://a/1/2",
                            "redis://a?b",
                            "redis://a/1?b",
                            "redis://a#b",
                            "redis://[::1",
                            "redis://[::1]x",
                            "redis://a,b",
                            "redis://%zz@a",
                            "redis://:%@a",
                            "redis://a%00b",
                            "unix://relative",
                            "unix:///",
                            "unix://x/y",
                            "unix:///a%00b",
                            "redis+sentinel://a",
                            "redis+sentinel://a/",
                            "redis+sentinel://a,/m",
                            "redis+sentinel://a/m/x",
                            "rediss+sentinel://a/m",
                            "redis://a/99999999999"};
  for (auto const& text : texts) {
    CAPTURE(text);
    CHECK_FALSE(parse(text));
  }
  try {
    kw::redis_backplane{"redis://:secret@a:port"};
    FAIL("it was taken");
  } catch (std::system_error const& failure) {
    CHECK(failure.code() == kw::redis_error::invalid_url);
    CHECK(std::string(failure.what()).find("secret") == std::string::npos);
  }
  CHECK_THROWS_AS(kw::redis_backplane{"rediss://a"}, std::system_error);
}

}  // namespace redis_url_tests
