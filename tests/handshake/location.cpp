#include <kindwire/handshake/location.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

namespace location_tests {

namespace kw = kindwire;

namespace {

std::string resolved(std::string_view base, std::string_view location) {
  std::optional<kw::uri> const to = kw::resolve_location(kw::uri::parse(base).value(), location);
  return to ? (to->secure ? "wss://" : "ws://") + to->authority() + to->target : "";
}

}  // namespace

TEST_CASE("RFC 3986 §5.4: references, as far as they are of our schemes") {
  auto const from = [](std::string_view location) { return resolved("ws://a/b/c/d;p?q", location); };
  CHECK(from("g") == "ws://a/b/c/g");
  CHECK(from("./g") == "ws://a/b/c/g");
  CHECK(from("g/") == "ws://a/b/c/g/");
  CHECK(from("/g") == "ws://a/g");
  CHECK(from("//g") == "ws://g/");
  CHECK(from("?y") == "ws://a/b/c/d;p?y");
  CHECK(from("g?y") == "ws://a/b/c/g?y");
  CHECK(from("#s") == "ws://a/b/c/d;p?q");
  CHECK(from("g#s") == "ws://a/b/c/g");
  CHECK(from("g?y#s") == "ws://a/b/c/g?y");
  CHECK(from(";x") == "ws://a/b/c/;x");
  CHECK(from("") == "ws://a/b/c/d;p?q");
  CHECK(from(".") == "ws://a/b/c/");
  CHECK(from("./") == "ws://a/b/c/");
  CHECK(from("..") == "ws://a/b/");
  CHECK(from("../") == "ws://a/b/");
  CHECK(from("../g") == "ws://a/b/g");
  CHECK(from("../..") == "ws://a/");
  CHECK(from("../../g") == "ws://a/g");
  CHECK(from("../../../g") == "ws://a/g");
  CHECK(from("/./g") == "ws://a/g");
  CHECK(from("/../g") == "ws://a/g");
  CHECK(from("g.") == "ws://a/b/c/g.");
  CHECK(from("..g") == "ws://a/b/c/..g");
  CHECK(from("./g/.") == "ws://a/b/c/g/");
  CHECK(from("g/./h") == "ws://a/b/c/g/h");
  CHECK(from("g/../h") == "ws://a/b/c/h");
  CHECK(from("g?y/../x") == "ws://a/b/c/g?y/../x");
}

TEST_CASE("the schemes of HTTP stand for those of WebSocket") {
  CHECK(resolved("ws://a/", "http://b/c") == "ws://b/c");
  CHECK(resolved("ws://a/", "HTTPS://b/c") == "wss://b/c");
  CHECK(resolved("ws://a/", "wss://b:444") == "wss://b:444/");
  CHECK(resolved("wss://a/", "ws://b?c") == "ws://b/?c");
  CHECK(resolved("wss://a:1/b", "//c") == "wss://c/");
  CHECK(resolved("ws://[::1]:9/b", "c") == "ws://[::1]:9/c");
}

TEST_CASE("a Location that leads nowhere") {
  for (std::string_view const text :
       {"ftp://b/", "javascript:1", "http:b", "http:/b", "http://", "http:///b", "//", "c d", "/\xc3\xa4",
        "http://b:0/", "http://b:99999/", "/%", "/a\r\nb", "a:b"}) {
    CAPTURE(text);
    CHECK(resolved("ws://a/", text).empty());
  }
}

TEST_CASE("credentials: never the server's; ours stay with our origin") {
  kw::uri const base = kw::uri::parse("ws://ann:secret@a/b").value();
  CHECK(kw::resolve_location(base, "/c")->credentials == "ann:secret");
  CHECK(kw::resolve_location(base, "ws://eve:x@a/c")->credentials == "ann:secret");
  CHECK(kw::resolve_location(base, "ws://eve:x@b/c")->credentials.empty());
  CHECK(kw::resolve_location(base, "ws://eve:x@b/c")->host == "b");
  CHECK(kw::resolve_location(base, "wss://a/c")->credentials.empty());
  CHECK(kw::resolve_location(base, "ws://a:81/c")->credentials.empty());
}

}  // namespace location_tests
