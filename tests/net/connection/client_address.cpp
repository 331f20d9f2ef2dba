#include <kindwire/net/connection/client_address.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <optional>

#include "../test_stream.hpp"

namespace client_address_tests {

using kindwire::net::detail::client_address;
using kindwire::net::detail::client_address_of;

namespace {

client_address of(char const* text) { return client_address_of(asio::ip::make_address(text)); }

}  // namespace

TEST_CASE("client address: an IPv4 address is one client, mapped into IPv6 or not") {
  CHECK(of("192.0.2.1") == of("::ffff:192.0.2.1"));
  CHECK(of("192.0.2.1") != of("192.0.2.2"));
  CHECK(of("192.0.2.1").bits == 0xC0000201U);
  CHECK_FALSE(of("::ffff:192.0.2.1").is_v6);
}

TEST_CASE("client address: 64 bits of an IPv6 address are one client") {
  CHECK(of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  CHECK(of("2001:db8:1:2::1") != of("2001:db8:1:3::1"));
  CHECK(of("2001:db8:1:2::1").bits == 0x20010db800010002U);
  // The same number is not the same client.
  CHECK(of("0:0:c000:201::") != of("192.0.2.1"));
  CHECK(of("::1") != of("0.0.0.0"));
}

TEST_CASE("client address: of a socket while it is connected, and of nothing else") {
  using asio::ip::tcp;
  asio::io_context io;
  tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  tcp::socket near(io);
  CHECK_FALSE(client_address_of(near));
  near.connect(acceptor.local_endpoint());
  CHECK(client_address_of(near) == of("127.0.0.1"));
  test::stream without(std::make_shared<test::peer>(io.get_executor()));
  CHECK_FALSE(client_address_of(without));

  // Layers above it are looked through.
  struct layer {
    tcp::socket& below;
    tcp::socket& lowest_layer() { return below; }
  } above{near};
  CHECK(client_address_of(above) == of("127.0.0.1"));
}

}  // namespace client_address_tests
