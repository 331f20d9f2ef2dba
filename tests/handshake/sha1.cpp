#include <kindwire/handshake/sha1.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

namespace sha1_tests {

namespace {

std::string hexadecimal(std::string_view text) {
  std::string result;
  for (std::byte const byte : kindwire::sha1(text)) {
    result += "0123456789abcdef"[std::to_integer<int>(byte) >> 4];
    result += "0123456789abcdef"[std::to_integer<int>(byte) & 15];
  }
  return result;
}

}  // namespace

TEST_CASE("FIPS 180: the examples of the standard") {
  CHECK(hexadecimal("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(hexadecimal("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hexadecimal("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hexadecimal(std::string(1000000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST_CASE("SHA-1: every length around one, two and more blocks") {
  std::string digests;
  for (std::size_t size = 0; size <= 300; ++size) {
    for (std::byte const byte : kindwire::sha1(std::string(size, 'a'))) digests += static_cast<char>(byte);
  }
  CHECK(hexadecimal(digests) == "9c723e6d1a3322c163723daf00acf97e827fb5a0");
}

}  // namespace sha1_tests
