#include <kindwire/handshake/base64.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

namespace base64_tests {

namespace {

std::string encoded(std::string_view text) {
  return kindwire::base64_encode(std::as_bytes(std::span{text.data(), text.size()}));
}

}  // namespace

TEST_CASE("RFC 4648 §10: the test vectors, both ways") {
  for (auto const& [plain, text] : {std::pair{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    CHECK(encoded(plain) == text);
    CHECK(kindwire::base64_decode(text) == std::string{plain});
  }
}

TEST_CASE("base64: round trips of every length and every byte") {
  for (std::size_t size = 0; size < 70; ++size) {
    for (int first = 0; first < 256; first += 5) {
      std::string bytes;
      for (std::size_t i = 0; i < size; ++i)
        bytes += static_cast<char>(static_cast<std::size_t>(first) + i * 37);
      std::string const text = encoded(bytes);
      REQUIRE(text.size() == (size + 2) / 3 * 4);
      REQUIRE(kindwire::base64_decode(text) == bytes);
    }
  }
}

TEST_CASE("base64: whole groups of the standard alphabet, and nothing else") {
  for (std::string_view const text :
       {"Z", "Zg", "Zg=", "Zg===", "=", "==", "===", "====", "Z===", "Zg=g", "Zm9v=", "Zm9v Zg=", "Zm9-",
        "Zm9_", "Zm9\n", "Zm9v\r\n", "\xc3\xa4==", "Zg==Zg=="}) {
    CAPTURE(text);
    CHECK(kindwire::base64_decode(text) == std::nullopt);
  }
  CHECK(kindwire::base64_decode(std::string_view{"Zm\0v", 4}) == std::nullopt);
  CHECK(kindwire::base64_decode("+/+/") == "\xfb\xff\xbf");
}

}  // namespace base64_tests
