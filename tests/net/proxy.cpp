#include <kindwire/net/proxy.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace proxy_tests {

namespace kw = kindwire;
using kw::net::detail::proxy_address;
using kw::net::detail::proxy_kind;

namespace {

kw::uri at(std::string_view text) { return kw::uri::parse(text).value(); }

std::string chosen(kw::net::proxy const& from, std::string_view to) {
  auto const* const found = from.address_for(at(to));
  return found == nullptr ? "" : found->host + ":" + std::to_string(found->port);
}

bool bypassed(std::string_view list, std::string_view to) {
  return kw::net::detail::bypasses_any(list, at(to));
}

#if !defined(_WIN32)
// Sets variables of the environment as long as it lives; the others that name proxies are absent.
struct environment {
  using variables = std::vector<std::pair<char const*, char const*>>;
  explicit environment(variables const& set) {
    for (char const* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                             "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
      char const* const now = std::getenv(name);
      if (now != nullptr) before.emplace_back(name, now);
      ::unsetenv(name);
      names.push_back(name);
    }
    for (auto const& [name, value] : set) ::setenv(name, value, 1);
  }
  ~environment() {
    for (char const* name : names) ::unsetenv(name);
    for (auto const& [name, value] : before) ::setenv(name, value.c_str(), 1);
  }
  std::vector<char const*> names;
  std::vector<std::pair<char const*, std::string>> before;
};
#endif

}  // namespace

TEST_CASE("proxy: how it is named") {
  auto const whole = proxy_address::parse("http://ann:a%3ab%40@proxy.example:3128/").value();
  CHECK(whole.kind == proxy_kind::http);
  CHECK(whole.host == "proxy.example");
  CHECK(whole.port == 3128);
  CHECK(whole.credentials.user == "ann");
  CHECK(whole.credentials.password == "a:b@");
  CHECK(proxy_address::parse("proxy:8080")->kind == proxy_kind::http);
  CHECK(proxy_address::parse("http://proxy")->port == 80);
  CHECK(proxy_address::parse("HTTPS://proxy")->kind == proxy_kind::https);
  CHECK(proxy_address::parse("https://proxy")->port == 443);
  CHECK(proxy_address::parse("socks5://[::1]")->kind == proxy_kind::socks5);
  CHECK(proxy_address::parse("socks5://[::1]")->host == "::1");
  CHECK(proxy_address::parse("socks5h://proxy")->kind == proxy_kind::socks5h);
  CHECK(proxy_address::parse("socks5h://proxy")->port == 1080);
  CHECK(proxy_address::parse("socks5://a%3ab:c@proxy")->credentials.user == "a:b");
  for (std::string_view const text :
       {"", "http://", "socks4://proxy", "ftp://proxy", "http://proxy:0", "http://proxy:x", "http://a b",
        "http://a%3ab:c@proxy", "http://%ff@proxy", "http://proxy/path"}) {
    CAPTURE(text);
    CHECK(!proxy_address::parse(text));
  }
}

TEST_CASE("proxy: one that is named wrongly is refused without repeating it") {
  try {
    kw::net::proxy const wrong("http://ann:secret@:1");
    FAIL("taken");
  } catch (std::system_error const& failure) {
    CHECK(failure.code() == kw::error::invalid_proxy);
    CHECK(std::string(failure.what()) == "proxy: not the URI of a proxy");
  }
}

TEST_CASE("proxy: what is reached without") {
  CHECK(bypassed("*", "ws://a/"));
  CHECK(!bypassed("", "ws://a/"));
  CHECK(bypassed("b, a", "ws://a/"));
  CHECK(bypassed("b a", "ws://A./"));
  CHECK(bypassed("example.com", "ws://www.example.com/"));
  CHECK(bypassed(".example.com", "ws://www.example.com/"));
  CHECK(bypassed(".example.com", "ws://example.com/"));
  CHECK(bypassed("*.example.com", "ws://www.example.com/"));
  CHECK(bypassed("example.com.", "ws://www.example.com/"));
  CHECK(!bypassed("example.com", "ws://badexample.com/"));
  CHECK(!bypassed("www.example.com", "ws://example.com/"));
  CHECK(bypassed("a:80", "ws://a/"));
  CHECK(!bypassed("a:81", "ws://a/"));
  CHECK(bypassed("10.1.2.3", "ws://10.1.2.3/"));
  CHECK(!bypassed("2.3", "ws://10.1.2.3/"));
  CHECK(bypassed("10.0.0.0/8", "ws://10.1.2.3/"));
  CHECK(!bypassed("10.0.0.0/16", "ws://10.1.2.3/"));
  CHECK(bypassed("10.1.2.2/31", "ws://10.1.2.3/"));
  CHECK(!bypassed("10.1.2.0/31", "ws://10.1.2.3/"));
  CHECK(bypassed("0.0.0.0/0", "ws://10.1.2.3/"));
  CHECK(!bypassed("0.0.0.0/0", "ws://a/"));
  CHECK(bypassed("fe80::/10", "ws://[fe90::1]/"));
  CHECK(!bypassed("fe80::/10", "ws://[fec0::1]/"));
  CHECK(!bypassed("fe80::/10", "ws://10.1.2.3/"));
  CHECK(bypassed("::1", "ws://[0::1]:9/"));
  CHECK(bypassed("[::1]", "ws://[::1]/"));
  CHECK(!bypassed("[::1]:9", "ws://[::1]/"));
  CHECK(!bypassed("x/y, /8, 10.0.0.0/, 10.0.0.0/x", "ws://10.1.2.3/"));
  kw::net::proxy const but("http://proxy:1", "a");
  CHECK(chosen(but, "ws://a/").empty());
  CHECK(chosen(but, "wss://b/") == "proxy:1");
  CHECK(chosen(kw::net::proxy(), "ws://a/").empty());
}

#if !defined(_WIN32)
TEST_CASE("proxy: the environment's, by curl's rules") {
  {
    environment const none(environment::variables{{"HTTP_PROXY", "cgi:1"}});
    CHECK(chosen(kw::net::proxy::from_environment(), "ws://a/").empty());
  }
  {
    environment const each(
        {{"http_proxy", "one:1"}, {"https_proxy", "two:2"}, {"all_proxy", "three:3"}, {"no_proxy", "c"}});
    auto const found = kw::net::proxy::from_environment();
    CHECK(chosen(found, "ws://a/") == "one:1");
    CHECK(chosen(found, "wss://a/") == "two:2");
    CHECK(chosen(found, "wss://c/").empty());
  }
  {
    environment const upper(
        environment::variables{{"HTTPS_PROXY", "two:2"}, {"ALL_PROXY", "socks5://three"}, {"NO_PROXY", "c"}});
    auto const found = kw::net::proxy::from_environment();
    CHECK(chosen(found, "ws://a/") == "three:1080");
    CHECK(chosen(found, "wss://a/") == "two:2");
    CHECK(chosen(found, "ws://c/").empty());
  }
  {
    environment const empty(environment::variables{{"https_proxy", ""}, {"HTTPS_PROXY", "two:2"}});
    CHECK(chosen(kw::net::proxy::from_environment(), "wss://a/").empty());
  }
  environment const wrong(environment::variables{{"all_proxy", "gopher://ann:secret@a"}});
  CHECK_THROWS_WITH_AS(kw::net::proxy::from_environment(), "all_proxy: not the URI of a proxy",
                       std::system_error);
}
#endif

}  // namespace proxy_tests
