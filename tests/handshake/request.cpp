#include <kindwire/handshake/request.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sample.hpp"

namespace request_tests {

namespace kw = kindwire;

namespace {

std::error_code error_of(std::string_view text) {
  kw::request result;
  return kw::request::parse(text, result);
}

std::error_code error_of(sample::upgrade const& head) { return error_of(head.text()); }

kw::request asking(std::string const& target) {
  return sample::parsed("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
}

}  // namespace

TEST_CASE("request: its parts") {
  kw::request const request =
      sample::parsed(sample::upgrade{}.asking("GET /a%20b?x=1&y=2 HTTP/1.1").with("Origin: http://a"));
  CHECK(request.method() == "GET");
  CHECK(request.target() == "/a%20b?x=1&y=2");
  CHECK(request.path() == "/a%20b");
  CHECK(request.query() == "x=1&y=2");
  CHECK(request.host() == "server.example.com");
  CHECK(request.header("upgrade") == "websocket");
  CHECK(request.header("nothing") == std::nullopt);
  CHECK(request.origin() == "http://a");
  CHECK(request.headers().size() == 6);
  CHECK(request.is_upgrade());
  CHECK(asking("/a").query() == "");
  CHECK(asking("/a?").query() == "");
  CHECK(asking("/?a?b").query() == "a?b");
}

TEST_CASE("request: query parameters") {
  kw::request const request = asking("/?user=ann&empty=&flag&a%20b=c+d%2B%C3%A9&user=bob&&=x&p=a=b&bad=%zz");
  CHECK(request.query("user") == "ann");
  CHECK(request.query("empty") == "");
  CHECK(request.query("flag") == "");
  CHECK(request.query("a b") == "c d+\xc3\xa9");
  CHECK(request.query("") == "x");
  CHECK(request.query("p") == "a=b");
  CHECK(request.query("bad") == "%zz");
  CHECK(request.query("use") == std::nullopt);
  CHECK(request.query("USER") == std::nullopt);
  CHECK(asking("/").query("a") == std::nullopt);
}

TEST_CASE("request: copies and moves stand for themselves") {
  auto original = std::make_unique<kw::request>(sample::parsed(sample::upgrade{}));
  original->set_parameters({{"user", "ann"}});
  kw::request const copy = *original;
  kw::request const moved = std::move(*original);
  original.reset();
  for (kw::request const* each : {&copy, &moved}) {
    CHECK(each->path() == "/chat");
    CHECK(each->host() == "server.example.com");
    CHECK(each->header("sec-websocket-key") == "dGhlIHNhbXBsZSBub25jZQ==");
    CHECK(each->parameter("user") == "ann");
    CHECK(each->parameter("other").empty());
    CHECK(each->parameters() == kw::path_parameters{{"user", "ann"}});
  }
}

TEST_CASE("RFC 9112 §3.2: exactly one Host") {
  CHECK_FALSE(error_of(sample::upgrade{}));
  CHECK(error_of(sample::upgrade{}.without("Host")) == kw::error::http_host);
  CHECK_FALSE(error_of(sample::upgrade{}.without("Host").asking("GET / HTTP/1.0")));
  CHECK(error_of(sample::upgrade{}.with("Host: a").asking("GET / HTTP/1.0")) == kw::error::http_host);
  CHECK(error_of(sample::upgrade{}.with("Host: server.example.com")) == kw::error::http_host);
  CHECK(error_of(sample::upgrade{}.with("host: other")) == kw::error::http_host);
}

TEST_CASE("RFC 9110 §7.2: a Host is a host and a port") {
  for (std::string const host : {"a", "a:1", "[::1]", "[::1]:8080", "127.0.0.1:80", "A.b-c_d:65535"}) {
    CAPTURE(host);
    CHECK_FALSE(error_of(sample::upgrade{}.with("Host", host)));
  }
  for (std::string const host :
       {"", "a b", "[::", ":99999", "a:99999", "a,b:c", "a@b", "http://a", "a/b", "[::1]x", "\xc3\xa4"}) {
    CAPTURE(host);
    CHECK(error_of(sample::upgrade{}.with("Host", host)) == kw::error::http_host);
  }
}

TEST_CASE("RFC 9112 §3.2.2: the authority of a whole URI wins over Host") {
  kw::request const request = asking("HTTP://Other.example:81/x/y?z");
  CHECK(request.host() == "Other.example:81");
  CHECK(request.path() == "/x/y");
  CHECK(request.query() == "z");
  CHECK(asking("https://b").path() == "/");
  CHECK(asking("https://b").query() == "");
  CHECK(asking("https://b?c=/d").path() == "/");
  CHECK(asking("https://b?c=/d").query() == "c=/d");
  CHECK(asking("https://b?c=/d").host() == "b");
  CHECK(asking("https://[::1]/c").host() == "[::1]");
  CHECK_MESSAGE(error_of("GET http://a/ HTTP/1.1\r\n\r\n") == kw::error::http_host, "yet there must be one");
}

TEST_CASE("RFC 9112 §3.2.3, §3.2.4: no authority, no asterisk, no other scheme") {
  for (std::string const target :
       {"server.example.com:80", "*", "ftp://a/", "http:/a", "http:///a", "http://", "http://?a",
        "http://u@a/", "http://a:x/", "http://a b/", "ws://a/", "javascript:1", "chat", "x/y"}) {
    CAPTURE(target);
    std::error_code const why = error_of("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK((why == kw::error::http_target || (target == "http://a b/" && why == kw::error::http_malformed)));
  }
  CHECK(error_of("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n") == kw::error::http_target);
  CHECK(error_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == kw::error::http_target);
}

TEST_CASE("RFC 9112 §6: a request with a body is refused") {
  auto const with = [](std::string const& field) { return error_of(sample::upgrade{}.with(field)); };
  CHECK_FALSE(with("Content-Length: 0"));
  for (std::string const value :
       {"1", "5", "00", "-1", "+0", "0x0", "", "abc", "0, 0", "0,5", "18446744073709551616"}) {
    CAPTURE(value);
    CHECK(with("Content-Length: " + value) == kw::error::http_body);
  }
  for (std::string const value : {"chunked", "identity", "gzip, chunked", "", "xchunked"}) {
    CAPTURE(value);
    CHECK(with("transfer-encoding: " + value) == kw::error::http_body);
  }
  CHECK(error_of(sample::upgrade{}.with("Content-Length: 0").with("Content-Length: 0")) ==
        kw::error::http_body);
  CHECK(error_of(sample::upgrade{}.with("Content-Length: 0").with("Content-Length: 5")) ==
        kw::error::http_body);
  CHECK(error_of(sample::upgrade{}.with("Content-Length: 5").with("Transfer-Encoding: chunked")) ==
        kw::error::http_body);
}

TEST_CASE("request: the text must be one whole head") {
  CHECK(error_of("") == kw::error::http_malformed);
  CHECK(error_of("GET / HTTP/1.1\r\nHost: a\r\n") == kw::error::http_malformed);
  CHECK(error_of("GET / HTTP/1.1\r\nHost: a\r\n\r\nx") == kw::error::http_malformed);
  kw::request kept = asking("/kept");
  CHECK(kw::request::parse("x", kept));
  CHECK_MESSAGE(kept.path() == "/kept", "a failure changes nothing");
}

TEST_CASE("request: what is offered") {
  auto const offered = [](std::string const& value) {
    return sample::parsed(sample::upgrade{}.with("Sec-WebSocket-Protocol: " + value)).subprotocols().size();
  };
  CHECK(offered("a, b,c") == 3);
  CHECK(offered("a b") == 0);
  CHECK(sample::parsed(sample::upgrade{}).subprotocols().empty());
}

TEST_CASE("request: where it came from, as the driver says") {
  kw::request request;
  CHECK(!request.remote_endpoint());
  request.set_remote_endpoint({"192.0.2.1", 4711});
  kw::request const copy = request;
  CHECK(to_string(copy.remote_endpoint()) == "192.0.2.1:4711");
}

}  // namespace request_tests
