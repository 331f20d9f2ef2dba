#include <kindwire/net/connecting/socks_targets.hpp>

#include <doctest/doctest.h>

#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <cstdint>
#include <kindwire/handshake/uri.hpp>
#include <string>
#include <vector>

namespace socks_targets_tests {

namespace kw = kindwire;
using kw::net::detail::proxy_address;
using kw::net::detail::socks_targets;

namespace {

auto const here = *proxy_address::parse("socks5://ann:secret@proxy");
auto const there = *proxy_address::parse("socks5h://proxy");

kw::uri to(char const* host) { return *kw::uri::parse(std::string("ws://") + host + ":81/"); }

std::vector<socks_targets::endpoint> endpoints(std::vector<char const*> const& all) {
  std::vector<socks_targets::endpoint> result;
  for (char const* const each : all) result.emplace_back(asio::ip::make_address(each), std::uint16_t{81});
  return result;
}

}  // namespace

TEST_CASE("socks_targets: a name for a proxy that resolves it, and an address for either") {
  socks_targets targets;
  std::string tried;
  CHECK(!targets.needs_addresses(to("a.example"), there));
  auto const named = targets.next(to("a.example"), there, tried);
  CHECK(named.host == "a.example");
  CHECK(named.address_size == 0);
  CHECK(named.port == 81);
  CHECK(named.user.empty());
  for (auto const& via : {here, there}) {
    CHECK(!targets.needs_addresses(to("[::1]"), via));
    auto const numeric = targets.next(to("[::1]"), via, tried);
    CHECK(numeric.host.empty());
    CHECK(numeric.address_size == 16);
    CHECK(numeric.address[15] == 1);
    CHECK(numeric.user == via.credentials.user);
    CHECK(numeric.password == via.credentials.password);
  }
  CHECK(tried.empty());
  CHECK(!targets.goes_on_after(kw::error::proxy_refused));
}

TEST_CASE("socks_targets: addresses in the order of RFC 8305, as long as another one may do") {
  socks_targets targets;
  CHECK(targets.needs_addresses(to("a.example"), here));
  targets.set_addresses(endpoints({"::1", "::2", "10.0.0.1", "10.0.0.2"}));
  CHECK(!targets.needs_addresses(to("a.example"), here));
  std::string tried;
  for (char const* const each : {"[::1]:81", "10.0.0.1:81", "[::2]:81", "10.0.0.2:81"}) {
    CHECK(targets.any_left());
    CHECK(targets.goes_on_after(kw::error::proxy_refused));
    CHECK(targets.goes_on_after(kw::error::connection_lost));
    CHECK(targets.goes_on_after(asio::error::connection_reset));
    CHECK(!targets.goes_on_after(kw::error::proxy_authentication_required));
    CHECK(!targets.goes_on_after(kw::error::proxy_malformed));
    auto const request = targets.next(to("a.example"), here, tried);
    CHECK(tried == each);
    CHECK(request.host.empty());
    CHECK(request.address_size == (each[0] == '[' ? 16 : 4));
  }
  CHECK(!targets.any_left());
  CHECK(!targets.goes_on_after(kw::error::proxy_refused));
  targets.clear();
  CHECK(targets.needs_addresses(to("a.example"), here));
}

}  // namespace socks_targets_tests
