#include <kindwire/handshake/host.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>

#include "sample.hpp"

namespace host_tests {

namespace kw = kindwire;

namespace {

bool is_ours(std::string const& host, kw::host_options const& options) {
  kw::request const request = sample::parsed(sample::upgrade{}.with("Host", host));
  REQUIRE(request.method() == "GET");
  std::error_code const why = kw::check_host(request, options);
  CHECK((!why || why == kw::error::handshake_host));
  return !why;
}

}  // namespace

TEST_CASE("hosts: a server that is reached from everywhere is any, unless some are listed") {
  for (std::string const host : {"a", "evil.example:9160", "127.0.0.1", "[::1]:81"}) CHECK(is_ours(host, {}));
}

TEST_CASE("hosts: DNS rebinding: over loopback only localhost and addresses are ours") {
  kw::host_options const options{.local = true};
  for (std::string const host : {"localhost", "localhost:9160", "LOCALHOST", "localhost.", "app.localhost:80",
                                 "127.0.0.1", "127.0.0.1:9160", "192.168.1.7", "[::1]", "[::1]:9160"}) {
    CAPTURE(host);
    CHECK(is_ours(host, options));
  }
  for (std::string const host : {"evil.example", "evil.example:9160", "127.0.0.1.evil.example",
                                 "localhost.evil.example", "notlocalhost", "evil-localhost", "127.1",
                                 "2130706433", "0x7f000001", "127.0.0.1.", "127.0.0.256", "xlocalhost."}) {
    CAPTURE(host);
    CHECK_FALSE(is_ours(host, options));
  }
}

TEST_CASE("hosts: with a list nothing else is ours") {
  for (bool const local : {false, true}) {
    kw::host_options const options{.allowed = {"example.com", "example.org:8443", "[::1]"}, .local = local};
    for (std::string const host : {"example.com", "EXAMPLE.com", "example.com.", "example.com:81",
                                   "example.org:8443", "[::1]", "[::1]:81"}) {
      CAPTURE(host);
      CHECK(is_ours(host, options));
    }
    for (std::string const host : {"example.org", "example.org:443", "www.example.com", "example.com.evil",
                                   "localhost", "127.0.0.1", "example.com.."}) {
      CAPTURE(host);
      CHECK_FALSE(is_ours(host, options));
    }
  }
  CHECK_FALSE(is_ours("a", {.allowed = {"http://a", "*", ""}}));
}

TEST_CASE("hosts: RFC 9110 §7.2: a browser leaves out the default port") {
  for (std::string const port : {":80", ":443"}) {
    kw::host_options const options{.allowed = {"example.com" + port}};
    CHECK(is_ours("example.com", options));
    CHECK(is_ours("example.com" + port, options));
    CHECK_FALSE(is_ours("example.com:8443", options));
  }
  CHECK_FALSE(is_ours("example.com", {.allowed = {"example.com:8443"}}));
}

TEST_CASE("RFC 9112 §3.2.2: the host that counts is the one of a whole URI") {
  kw::host_options const options{.local = true};
  std::string const rest = " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  CHECK(kw::check_host(sample::parsed("GET http://evil.example/" + rest), options) ==
        kw::error::handshake_host);
  CHECK_FALSE(kw::check_host(sample::parsed("GET http://127.0.0.1/" + rest), options));
}

TEST_CASE("hosts: HTTP/1.0 may name none") {
  auto const bare = sample::parsed("GET / HTTP/1.0\r\n\r\n");
  REQUIRE(bare.method() == "GET");
  CHECK_FALSE(kw::check_host(bare, {.local = true}));
  CHECK_FALSE(kw::check_host(bare, {.allowed = {"a"}}));
  auto const named = sample::parsed("GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n");
  CHECK(kw::check_host(named, {.local = true}) == kw::error::handshake_host);
}

TEST_CASE("hosts: RFC 9110 §15.5.20: the refusal says what we are, and nothing that the peer sent") {
  CHECK(kw::answer_to_other_host({.local = true}).status == 421);
  CHECK(kw::answer_to_other_host({.local = true}).body.find("localhost") != std::string::npos);
  CHECK(kw::answer_to_other_host({.allowed = {"secret.example"}}).body.find("secret") == std::string::npos);
}

TEST_CASE("hosts: an entry that can be no Host is told, in words") {
  for (std::string const entry : {"example.com", "example.com:8443", "127.0.0.1", "[::1]:80"}) {
    CHECK(kw::host_problem(entry).empty());
  }
  for (std::string const entry :
       {"", "https://example.com", "example.com/", "::1", "a b", "\xc3\xa4.example"}) {
    CAPTURE(entry);
    CHECK(kw::host_problem(entry).find("without a scheme") != std::string::npos);
  }
  CHECK(kw::host_problem("*.example.com").find("wildcards") != std::string::npos);
}

}  // namespace host_tests
