#include <kindwire/handshake/origin.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "sample.hpp"

namespace origin_tests {

namespace kw = kindwire;

namespace {

bool lets_pass(std::string const& host, std::string const& origin, kw::origin_options const& options = {}) {
  kw::request const request = sample::parsed(sample::upgrade{}.with("Host", host).with("Origin", origin));
  REQUIRE(request.method() == "GET");
  std::error_code const why = kw::check_origin(request, options);
  CHECK((!why || why == kw::error::handshake_origin));
  return !why;
}

}  // namespace

TEST_CASE("RFC 6454 §4: an origin is scheme, host and port") {
  CHECK(kw::parse_origin("HTTPS://A.Example") == kw::origin{"https", "a.example", 443});
  CHECK(kw::parse_origin("http://a:81") == kw::origin{"http", "a", 81});
  CHECK(kw::parse_origin("http://[::1]") == kw::origin{"http", "::1", 80});
  CHECK(kw::parse_origin("chrome-extension://abc") == kw::origin{"chrome-extension", "abc", 0});
  CHECK(kw::parse_origin("Web+x.1://a") == kw::origin{"web+x.1", "a", 0});
  CHECK(kw::origin{"http", "a", 80} != kw::origin{"https", "a", 80});
  CHECK(kw::origin{"http", "a", 80} != kw::origin{"http", "b", 80});
  CHECK(kw::origin{"http", "a", 80} != kw::origin{"http", "a", 81});
  for (std::string_view const text : {"",
                                      "null",
                                      "a.example",
                                      "//a",
                                      "://a",
                                      "http://",
                                      "http:/a",
                                      "http://a/",
                                      "http://a/b",
                                      "http://a?b",
                                      "http://u@a",
                                      "http://a:0",
                                      "http://a:99999",
                                      "http://a b",
                                      "http://a, http://b",
                                      "http://a,http://b",
                                      "http://a http://b",
                                      "*",
                                      "http://[::",
                                      "9http://a",
                                      "ht tp://a",
                                      "file://",
                                      " http://a"}) {
    CAPTURE(text);
    CHECK(kw::parse_origin(text) == std::nullopt);
  }
}

TEST_CASE("RFC 6455 §4.2.1: no Origin, no browser") {
  CHECK_FALSE(kw::check_origin(sample::parsed(sample::upgrade{})));
}

TEST_CASE("RFC 6455 §10.2: by default a page may connect to where it came from") {
  CHECK(lets_pass("a.example", "http://a.example"));
  CHECK(lets_pass("a.example", "https://a.example"));
  CHECK(lets_pass("A.Example", "http://a.EXAMPLE"));
  CHECK(lets_pass("a.example:8080", "http://a.example:8080"));
  CHECK(lets_pass("a.example:80", "http://a.example"));
  CHECK(lets_pass("a.example", "http://a.example:80"));
  CHECK(lets_pass("a.example:443", "https://a.example"));
  CHECK(lets_pass("[::1]:81", "http://[::1]:81"));
}

TEST_CASE("RFC 6455 §10.2: a request that was sent nowhere is of no origin") {
  CHECK_FALSE(kw::is_same_origin({"http", "a", 80}, kw::request{}));
  CHECK_FALSE(kw::is_same_origin({"http", "", 80}, kw::request{}));
}

TEST_CASE("RFC 6455 §10.2: any other page may not") {
  for (std::string const origin : {"https://good.example.evil",
                                   "https://evil-good.example",
                                   "https://evil/good.example",
                                   "https://good.example.",
                                   "https://good.exampl",
                                   "https://sub.good.example",
                                   "https://good.example:444",
                                   "http://good.example:443x",
                                   "http://good.example:444",
                                   "ftp://good.example",
                                   "null",
                                   "",
                                   "good.example",
                                   "https://good.example/",
                                   "https://good.example@evil",
                                   "https://evil#good.example",
                                   "https://good.example https://good.example",
                                   "https://good.example, https://good.example",
                                   "file://",
                                   "https://good.example\xc3\xa4"}) {
    CAPTURE(origin);
    CHECK_FALSE(lets_pass("good.example", origin));
  }
  CHECK_FALSE(lets_pass("a.example:8080", "http://a.example"));
  CHECK_FALSE(lets_pass("a.example", "http://a.example:8080"));
  CHECK_FALSE(lets_pass("a.example:80", "https://a.example"));
  CHECK_FALSE(lets_pass("a.example:443", "http://a.example"));
}

TEST_CASE("RFC 6454 §7.3: two Origin fields are none") {
  auto const twice = sample::upgrade{}.with("Host", "a").with("Origin: http://a").with("Origin: http://a");
  CHECK(kw::check_origin(sample::parsed(twice)) == kw::error::handshake_origin);
  CHECK_FALSE(kw::check_origin(sample::parsed(twice), {.any = true}));
}

TEST_CASE("listed origins match exactly") {
  kw::origin_options const options{.allowed = {"https://app.example", "http://localhost:3000", "*"}};
  CHECK(lets_pass("a", "https://app.example", options));
  CHECK(lets_pass("a", "https://app.example:443", options));
  CHECK(lets_pass("a", "HTTPS://APP.example", options));
  CHECK(lets_pass("a", "http://localhost:3000", options));
  CHECK(lets_pass("a", "http://a", options));
  CHECK_FALSE(lets_pass("a", "http://app.example", options));
  CHECK_FALSE(lets_pass("a", "https://app.example:444", options));
  CHECK_FALSE(lets_pass("a", "https://app.example.evil", options));
  CHECK_FALSE(lets_pass("a", "http://localhost", options));
  CHECK_FALSE(lets_pass("a", "https://localhost:3000", options));
  CHECK_FALSE(lets_pass("a", "null", options));
  CHECK_FALSE(lets_pass("a", "http://evil", options));
}

TEST_CASE("listed origins may be what only some pages say: null, file://, an application's own scheme") {
  kw::origin_options const options{
      .allowed = {"null", "file://", "capacitor://localhost", "moz-extension://a-b"}};
  for (std::string const origin : {"null", "file://", "capacitor://localhost", "moz-extension://a-b"}) {
    CAPTURE(origin);
    CHECK(lets_pass("a", origin, options));
    CHECK_FALSE(lets_pass("a", origin));
  }
  for (std::string const origin : {"NULL", "file:///", "file:", "", "nullx"})
    CHECK_FALSE(lets_pass("a", origin, options));
}

TEST_CASE("an origin that no page can have is told, with what to write") {
  for (std::string const entry :
       {"https://app.example.com", "https://app.example.com:443", "HTTP://A", "null", "file://",
        "http://[::1]:81", "capacitor://localhost", "chrome-extension://abc"}) {
    CAPTURE(entry);
    CHECK(kw::origin_problem(entry).empty());
  }
  struct {
    char const* entry;
    char const* says;
  } const cases[] = {
      {"https://app.example.com/", "write https://app.example.com, without a path"},
      {"https://app.example.com/chat?x", "write https://app.example.com, without a path"},
      {"*", "origin_options::any"},
      {"https://*.example.com", "no wildcards"},
      {"app.example.com", "write https://app.example.com"},
      {"app.example.com/chat", "write https://app.example.com"},
      {"", "write https://host"},
      {"a b", "write https://host"},
      {"wss://app.example.com", "write https://app.example.com"},
      {"ws://localhost:81/x", "write http://localhost:81"},
      {"https://", "scheme://host"},
      {"https://u@a", "scheme://host"},
      {"https://a, https://b", "scheme://host"},
      {"https://\xc3\xa4.example", "in ASCII"},
      {"9x://", "scheme://host"},
  };
  for (auto const& each : cases) {
    CAPTURE(each.entry);
    std::string const problem = kw::origin_problem(each.entry);
    CHECK(problem.find(each.says) != std::string::npos);
    CHECK(problem.find(each.entry) != std::string::npos);
  }
}

TEST_CASE("any origin, and a server behind TLS") {
  CHECK(lets_pass("a", "http://evil", {.any = true}));
  CHECK(lets_pass("a", "null", {.any = true}));
  CHECK(lets_pass("a", "https://a", {.secure = true}));
  CHECK_FALSE(lets_pass("a", "http://a", {.secure = true}));
}

TEST_CASE("RFC 9112 §3.2.2: the page's host is compared with the one that was asked for") {
  std::string const fields = " HTTP/1.1\r\nHost: good\r\nOrigin: http://good\r\n\r\n";
  CHECK_FALSE(kw::check_origin(sample::parsed("GET /" + fields)));
  CHECK(kw::check_origin(sample::parsed("GET http://other/" + fields)) == kw::error::handshake_origin);
}

}  // namespace origin_tests
