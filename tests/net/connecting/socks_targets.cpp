#include <kindwire/net/connecting/socks_targets.hpp>

#include <doctest/doctest.h>

#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <kindwire/handshake/uri.hpp>
#include <string>
#include <vector>

namespace socks_targets_tests {

namespace kw = kindwire;
using namespace kw::net::detail;

namespace {

auto const here = *proxy_address::parse("socks5://ann:secret@proxy");
auto const there = *proxy_address::parse("socks5h://proxy");

kw::uri to(char const* host) { return *kw::uri::parse(std::string("ws://") + host + ":81/"); }

std::vector<asio::ip::tcp::endpoint> endpoints(std::vector<char const*> const& all) {
  std::vector<asio::ip::tcp::endpoint> result;
  for (char const* const each : all) result.emplace_back(asio::ip::make_address(each), std::uint16_t{81});
  return result;
}

}  // namespace

TEST_CASE("socks_targets: a name for a proxy that resolves it, and an address for either") {
  CHECK(!needs_addresses(to("a.example"), there));
  auto const named = socks_target_of(to("a.example"), there);
  CHECK(named.name.empty());
  CHECK(named.request.host == "a.example");
  CHECK(named.request.address_size == 0);
  CHECK(named.request.port == 81);
  CHECK(named.request.user.empty());
  for (auto const& via : {here, there}) {
    CHECK(!needs_addresses(to("[::1]"), via));
    auto const numeric = socks_target_of(to("[::1]"), via);
    CHECK(numeric.name.empty());
    CHECK(numeric.request.host.empty());
    CHECK(numeric.request.address_size == 16);
    CHECK(numeric.request.address[15] == 1);
    CHECK(numeric.request.user == via.credentials.user);
    CHECK(numeric.request.password == via.credentials.password);
  }
}

TEST_CASE("socks_targets: addresses in the order of RFC 8305") {
  CHECK(needs_addresses(to("a.example"), here));
  auto const all = socks_targets_of(to("a.example"), here, endpoints({"::1", "::2", "10.0.0.1", "10.0.0.2"}));
  std::vector<std::string> const names{"[::1]:81", "10.0.0.1:81", "[::2]:81", "10.0.0.2:81"};
  std::vector<std::size_t> const last_bytes{1, 1, 2, 2};
  REQUIRE(all.size() == names.size());
  for (std::size_t i = 0; i != all.size(); ++i) {
    CHECK(all[i].name == names[i]);
    auto const& request = all[i].request;
    CHECK(request.host.empty());
    CHECK(request.address_size == (names[i][0] == '[' ? 16 : 4));
    CHECK(request.address[request.address_size - 1] == last_bytes[i]);
    CHECK(request.port == 81);
    CHECK(request.user == "ann");
    CHECK(request.password == "secret");
  }
}

TEST_CASE("socks_targets: which failures another address may mend") {
  CHECK(is_about_one_address(kw::error::proxy_refused));
  CHECK(is_about_one_address(kw::error::connection_lost));
  CHECK(is_about_one_address(asio::error::connection_reset));
  CHECK(is_about_one_address(asio::error::broken_pipe));
  CHECK(!is_about_one_address(kw::error::proxy_authentication_required));
  CHECK(!is_about_one_address(kw::error::proxy_malformed));
}

}  // namespace socks_targets_tests
