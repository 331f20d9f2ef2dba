#include <kindwire/handshake/cookies.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace cookies_tests {

namespace kw = kindwire;

namespace {

kw::uri at(std::string_view text) { return kw::uri::parse(text).value(); }

// What `to` is offered after `from` has set it.
std::string offered(std::string_view from, std::string const& set, std::string_view to) {
  kw::cookie_jar jar;
  jar.store(at(from), {{"X-A", "b"}, {"set-cookie", set}});
  return jar.offer(at(to));
}

}  // namespace

TEST_CASE("cookies: for the same origin, and no other") {
  CHECK(offered("ws://a/", "id=1", "ws://a/b?c") == "id=1");
  CHECK(offered("ws://a/", " id = 1 ; HttpOnly", "ws://A:80/") == "id=1");
  CHECK(offered("ws://a/", "id=1", "wss://a/").empty());
  CHECK(offered("ws://a/", "id=1", "ws://a:81/").empty());
  CHECK(offered("ws://a/", "id=1; Domain=b", "ws://b/").empty());
  CHECK(offered("ws://x.a/", "id=1; Domain=.a", "ws://x.a/") == "id=1");
  CHECK(offered("ws://x.a/", "id=1; Domain=a", "ws://a/").empty());
  CHECK(offered("ws://xa/", "id=1; Domain=a", "ws://xa/").empty());
  CHECK(offered("ws://10.0.0.1/", "id=1; Domain=0.0.1", "ws://10.0.0.1/").empty());
  CHECK(offered("ws://a/", "id=1; Secure", "ws://a/").empty());
  CHECK(offered("wss://a/", "id=1; secure", "wss://a/") == "id=1");
}

TEST_CASE("cookies: paths, by RFC 6265 §5.1.4") {
  CHECK(offered("ws://a/b/c", "id=1", "ws://a/b/d") == "id=1");
  CHECK(offered("ws://a/b/c", "id=1", "ws://a/b") == "id=1");
  CHECK(offered("ws://a/b/c", "id=1", "ws://a/bc").empty());
  CHECK(offered("ws://a/b/c?d", "id=1; path=/", "ws://a/") == "id=1");
  CHECK(offered("ws://a/", "id=1; Path=/b/", "ws://a/b/c") == "id=1");
  CHECK(offered("ws://a/", "id=1; Path=/b/", "ws://a/b").empty());
}

TEST_CASE("cookies: replaced, ended, bounded") {
  kw::cookie_jar jar;
  kw::uri const here = at("ws://ann:secret@a/");
  jar.store(here, {{"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}, {"Set-Cookie", "a=3"}});
  CHECK(jar.offer(here) == "b=2; a=3");
  CHECK(jar.offer(here, "x=1;  b=9") == "a=3");
  jar.store(here, {{"Set-Cookie", "b=; Max-Age=0"}, {"Set-Cookie", "a=4; Max-Age=10"}});
  CHECK(jar.offer(here) == "a=4");
  jar.store(here, {{"Set-Cookie", "a=; max-age=-1"}});
  CHECK(jar.offer(here).empty());
  for (int i = 0; i != 100; ++i)
    jar.store(here, {{"Set-Cookie", "c" + std::to_string(i) + "=" + std::string(10, 'x')}});
  std::string const all = jar.offer(here);
  CHECK(all.starts_with("c36="));
  CHECK(all.find("c99=") != std::string::npos);
  jar.store(here, {{"Set-Cookie", "long=" + std::string(5000, 'x')}});
  CHECK(jar.offer(here) == all);
  jar.clear();
  CHECK(jar.offer(here).empty());
}

TEST_CASE("RFC 6265 §5.2: cookies that are over are not offered, and take the place of those that are not") {
  for (std::string const over :
       {"Expires=Thu, 01 Jan 1970 00:00:00 GMT", "Expires=Thu, 01-Jan-1970 00:00:00 GMT",
        "Expires=Thursday, 01-Jan-70 00:00:00 GMT", "Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        "Max-Age=-5"}) {
    CAPTURE(over);
    kw::cookie_jar jar;
    kw::uri const here = at("ws://a/");
    jar.store(here, {{"Set-Cookie", "id=1"}});
    jar.store(here, {{"Set-Cookie", "id=; " + over}});
    CHECK(jar.offer(here).empty());
  }
  for (std::string const lasting :
       {"Expires=Fri, 31 Dec 9999 23:59:59 GMT", "Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Max-Age=99999999999999999999", "Expires=soon", "Max-Age=x", "Max-Age="}) {
    CAPTURE(lasting);
    CHECK(offered("ws://a/", "id=1; " + lasting, "ws://a/") == "id=1");
  }
}

TEST_CASE("cookies: what is none") {
  for (char const* text : {"", "=", "=1", "id", ";", "; Path=/", "id; x=1"}) {
    CAPTURE(text);
    CHECK(offered("ws://a/", text, "ws://a/").empty());
  }
  CHECK(offered("ws://a/", "id=", "ws://a/") == "id=");
  CHECK(offered("ws://a/", "id=a=b;;; =;x", "ws://a/") == "id=a=b");
}

}  // namespace cookies_tests
