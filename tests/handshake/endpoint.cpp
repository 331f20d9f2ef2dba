#include <kindwire/handshake/endpoint.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>

namespace endpoint_tests {

namespace kw = kindwire;

TEST_CASE("endpoint: printed as in a URI") {
  CHECK(to_string(kw::endpoint{"127.0.0.1", 8080}) == "127.0.0.1:8080");
  CHECK(to_string(kw::endpoint{"::1", 80}) == "[::1]:80");
  CHECK(to_string(kw::endpoint{"fe80::1%eth0", 65535}) == "[fe80::1%eth0]:65535");
  CHECK(to_string(kw::endpoint{}) == "unknown");
  CHECK(!kw::endpoint{});
  CHECK(kw::endpoint{"::1", 80} == kw::endpoint{"::1", 80});
  CHECK(kw::endpoint{"::1", 80} != kw::endpoint{"::1", 81});
}

}  // namespace endpoint_tests
