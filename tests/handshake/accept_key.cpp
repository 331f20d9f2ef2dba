#include <kindwire/handshake/accept_key.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <set>
#include <string>

namespace accept_key_tests {

namespace kw = kindwire;

TEST_CASE("RFC 6455 §1.3, §4.2.2: the accept key of the sample nonce") {
  CHECK(kw::accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("RFC 6455 §4.2.1: a key is base64 of 16 bytes") {
  CHECK(kw::is_handshake_key("dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK(kw::is_handshake_key("AAAAAAAAAAAAAAAAAAAAAA=="));
  CHECK_MESSAGE(kw::is_handshake_key("AQIDBAUGBwgJCgsMDQ4PEC=="),
                "the example of §4.1, which has bits to spare");
  CHECK_FALSE(kw::is_handshake_key(""));
  CHECK_FALSE(kw::is_handshake_key("dGhlIHNhbXBsZSBub25jZQ="));
  CHECK_FALSE(kw::is_handshake_key("dGhlIHNhbXBsZSBub25j"));      // 15
  CHECK_FALSE(kw::is_handshake_key("dGhlIHNhbXBsZSBub25jZWU="));  // 17
  CHECK_FALSE(kw::is_handshake_key("dGhlIHNhbXBsZSBub25jZWVl"));  // 18
  CHECK_FALSE(kw::is_handshake_key("dGhlIHNhbXBsZSBub25jZQ== "));
  CHECK_FALSE(kw::is_handshake_key("dGhlIHNhbXBsZSBub25j!Q=="));
  CHECK_FALSE(kw::is_handshake_key("dGhlIHNhbXBsZSBub25jZ==="));
}

TEST_CASE("RFC 6455 §4.1: every key is a fresh one") {
  std::set<std::string> keys;
  for (int i = 0; i < 1000; ++i) {
    std::string const key = kw::make_key();
    REQUIRE(kw::is_handshake_key(key));
    keys.insert(key);
  }
  CHECK(keys.size() == 1000);
}

}  // namespace accept_key_tests
