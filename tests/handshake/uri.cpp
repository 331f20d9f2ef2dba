#include <kindwire/handshake/uri.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace uri_tests {

namespace kw = kindwire;

TEST_CASE("RFC 6455 §3: the parts of a URI") {
  CHECK(kw::uri::parse("ws://example.com/chat") == kw::uri{false, "example.com", 80, "/chat"});
  CHECK(kw::uri::parse("wss://example.com") == kw::uri{true, "example.com", 443, "/"});
  CHECK(kw::uri::parse("WSS://Example.com:8443/a/b?c=d&e") ==
        kw::uri{true, "Example.com", 8443, "/a/b?c=d&e"});
  CHECK(kw::uri::parse("ws://[::1]:9001/?x") == kw::uri{false, "::1", 9001, "/?x"});
  CHECK(kw::uri::parse("ws://127.0.0.1:1?x=/y") == kw::uri{false, "127.0.0.1", 1, "/?x=/y"});
  CHECK(kw::uri::parse("ws://a:/") == kw::uri{false, "a", 80, "/"});
  CHECK(kw::uri::parse("ws://a/b?") == kw::uri{false, "a", 80, "/b"});
  CHECK(kw::uri::parse("ws://a/b??") == kw::uri{false, "a", 80, "/b??"});
  CHECK(kw::uri::parse("ws://a?") == kw::uri{false, "a", 80, "/"});
  CHECK(kw::uri::parse("ws://a/%23%2f//;=@:!") == kw::uri{false, "a", 80, "/%23%2f//;=@:!"});
  CHECK(kw::uri::parse("ws://a/0?9") == kw::uri{false, "a", 80, "/0?9"});
  for (kw::uri const& other : {kw::uri{true, "a", 80, "/"}, kw::uri{false, "b", 80, "/"},
                               kw::uri{false, "a", 81, "/"}, kw::uri{false, "a", 80, "/b"}})
    CHECK(kw::uri::parse("ws://a/") != other);
}

TEST_CASE("RFC 6455 §3, RFC 3986: what is no ws or wss URI") {
  for (std::string_view const text : {"",
                                      "ws:",
                                      "ws:/",
                                      "ws://",
                                      "ws:///chat",
                                      "http://a/",
                                      "https://a/",
                                      "wsss://a/",
                                      " ws://a/",
                                      "ws://a/ ",
                                      "a",
                                      "/chat",
                                      "//a/",
                                      "ws:a",
                                      "ws://a/#",
                                      "ws://a/b#c",
                                      "ws://a#c",
                                      "ws://u@",
                                      "ws://u@/",
                                      "ws://u@v@a/",
                                      "ws://u%3av:p@a/",
                                      "ws://u:p%0a@a/",
                                      "ws://u:p%00@a/",
                                      "ws://u%7f@a/",
                                      "ws://u:%ff@a/",
                                      "ws://u:%e4@a/",
                                      "ws://u:%4@a/",
                                      "ws://u:\xc3\xa4@a/",
                                      "ws://u p@a/",
                                      "ws://a:0/",
                                      "ws://a:65536/",
                                      "ws://a:99999/",
                                      "ws://a:-1/",
                                      "ws://a:+1/",
                                      "ws://a:80x/",
                                      "ws://a:x/",
                                      "ws://a: 80/",
                                      "ws://:80/",
                                      "ws://?x",
                                      "ws://a b/",
                                      "ws://a/b c",
                                      "ws://a/\r\nX: y",
                                      "ws://a\r\nb/",
                                      "ws://a/\t",
                                      "ws://a/\x7f",
                                      "ws://\xc3\xa4/",
                                      "ws://a/\xc3\xa4",
                                      "ws://[::1/",
                                      "ws://[::g]/",
                                      "ws://::1/",
                                      "ws://[::1]a/",
                                      "ws://a/%",
                                      "ws://a/%4",
                                      "ws://a/%zz",
                                      "ws://a/\"",
                                      "ws://a/<b>",
                                      "ws://a/{b}",
                                      "ws://a/b\\c",
                                      "ws://a\\b/",
                                      "ws://a/^",
                                      "ws://a/`",
                                      "ws://a/|"}) {
    CAPTURE(text);
    CHECK(kw::uri::parse(text) == std::nullopt);
  }
  CHECK(kw::uri::parse(std::string_view{"ws://a/\0b", 9}) == std::nullopt);
  CHECK(kw::uri::parse(std::string_view{"ws://a\0b/", 9}) == std::nullopt);
}

TEST_CASE("RFC 3986 §3.2.1, RFC 7617: a user and a password are apart from all else") {
  auto const credentials = [](std::string_view text) { return kw::uri::parse(text).value().credentials; };
  CHECK(credentials("ws://ann:secret@a/") == "ann:secret");
  CHECK(credentials("ws://ann@a/") == "ann:");
  CHECK(credentials("ws://:secret@a/") == ":secret");
  CHECK(credentials("ws://@a/").empty());
  CHECK(credentials("ws://a/b@c").empty());
  CHECK(credentials("ws://a?b@c").empty());
  CHECK(credentials("ws://ann:a:b%40c%2f%C3%A4@[::1]:9/") == "ann:a:b@c/\xc3\xa4");
  kw::uri const whole = kw::uri::parse("wss://ann:secret@example.com:9/b?c").value();
  CHECK(whole.host == "example.com");
  CHECK(whole.authority() == "example.com:9");
  CHECK(whole.target == "/b?c");
}

TEST_CASE("RFC 6454 §4: the same origin") {
  auto const same = [](std::string_view left, std::string_view right) {
    return kw::same_origin(kw::uri::parse(left).value(), kw::uri::parse(right).value());
  };
  CHECK(same("ws://a/b", "ws://u@A:80/c"));
  CHECK(!same("ws://a/", "wss://a:80/"));
  CHECK(!same("ws://a/", "ws://a:81/"));
  CHECK(!same("ws://a/", "ws://b/"));
}

TEST_CASE("RFC 6455 §4.1: Host leaves out the default port and brackets IPv6") {
  auto const host = [](std::string_view text) { return kw::uri::parse(text)->authority(); };
  CHECK(host("ws://a/") == "a");
  CHECK(host("ws://a:80/") == "a");
  CHECK(host("wss://a:443/") == "a");
  CHECK(host("ws://a:443/") == "a:443");
  CHECK(host("wss://a:80/") == "a:80");
  CHECK(host("ws://[2001:db8::1]/") == "[2001:db8::1]");
  CHECK(host("ws://[::1]:8080/") == "[::1]:8080");
}

}  // namespace uri_tests
