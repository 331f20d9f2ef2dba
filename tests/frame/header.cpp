#include <kindwire/frame/header.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "support/bytes.hpp"
#include "support/reference.hpp"

namespace header_tests {

namespace {

namespace kw = kindwire;
using namespace support;

bool same(kw::frame_header const& header, reference_header const& expected) {
  return static_cast<unsigned>(header.type) == expected.code && header.fin == expected.fin &&
         header.reserved == expected.reserved * 16 && header.masked == expected.masked &&
         header.length == expected.length && (!header.masked || header.key == expected.mask);
}

// Reads every prefix of `input`: 0 without a violation as long as the reference wants more, its violation
// from the byte on that breaks the rule, and the header from the byte on that ends it.
bool read_as_the_reference(std::span<std::byte const> input, kw::role receiver, unsigned extension) {
  reference_header expected;
  for (std::size_t size = 0; size <= input.size(); ++size) {
    if (size != 0 && !expected.whole && expected.violation == kw::error{})
      expected.take(input[size - 1], receiver, extension);
    kw::frame_header header;
    kw::error violation = kw::error::closed;  // must be overwritten
    std::size_t const result = kw::read_frame_header(input.first(size), receiver, header, violation,
                                                     static_cast<std::uint8_t>(extension * 16));
    if (violation != expected.violation) return false;
    if (result != (expected.whole && expected.violation == kw::error{} ? expected.size : 0)) return false;
    if (result != 0 && !same(header, expected)) return false;
  }
  return expected.whole || expected.violation != kw::error{};
}

TEST_CASE("header: all 65,536 first two bytes, both roles, with and without extensions, at every length") {
  // Behind the two come lengths that are minimal, and a key that differs from them.
  std::array<std::byte, kw::max_frame_header_size> input{};
  for (std::size_t i = 2; i != input.size(); ++i) input[i] = static_cast<std::byte>(i - 1);
  for (kw::role const receiver : {kw::role::server, kw::role::client}) {
    for (unsigned const extension : {0u, 4u, 7u}) {
      unsigned wrong = 0;
      unsigned accepted = 0;
      for (unsigned both = 0; both != 65536; ++both) {
        input[0] = static_cast<std::byte>(both >> 8);
        input[1] = static_cast<std::byte>(both & 255u);
        if (!read_as_the_reference(input, receiver, extension)) ++wrong;
        kw::frame_header header;
        kw::error violation{};
        if (kw::read_frame_header(input, receiver, header, violation,
                                  static_cast<std::uint8_t>(extension * 16)) != 0)
          ++accepted;
      }
      CHECK(wrong == 0);
      // One mask bit; data: 3 opcodes, FIN or not, 128 lengths; control: 3 opcodes, FIN, 126 lengths.
      unsigned const reserved_bits = extension == 0 ? 1 : extension == 4 ? 2 : 8;
      CHECK(accepted == reserved_bits * (3 * 2 * 128 + 3 * 126));
    }
  }
}

TEST_CASE("header: every 16-bit length; only the minimal form passes (RFC 6455 §5.2)") {
  unsigned wrong = 0;
  for (unsigned length = 0; length != 65536; ++length) {
    bytes const input = head(0x82, length, nullptr, 16);
    if (!read_as_the_reference(input, kw::role::client, 0)) ++wrong;
    kw::frame_header header;
    kw::error violation{};
    std::size_t const size = kw::read_frame_header(input, kw::role::client, header, violation);
    bool const minimal = length > 125;
    if (size != (minimal ? 4u : 0u)) ++wrong;
    if (violation != (minimal ? kw::error{} : kw::error::length_not_minimal)) ++wrong;
    if (minimal && header.length != length) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("header: 64-bit lengths around every power of two, both roles") {
  unsigned wrong = 0;
  for (int bit = 0; bit != 64; ++bit) {
    for (std::uint64_t const off : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
      std::uint64_t const length = (std::uint64_t{1} << bit) + off;
      if (!read_as_the_reference(head(0x82, length, nullptr, 64), kw::role::client, 0)) ++wrong;
      if (!read_as_the_reference(head(0x82, length, &example_key, 64), kw::role::server, 0)) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("header: the borders of the three forms") {
  auto const read = [](bytes const& input) {
    struct {
      std::size_t size;
      std::uint64_t length;
      kw::error violation;
    } result{};
    kw::frame_header header;
    result.size = kw::read_frame_header(input, kw::role::client, header, result.violation);
    result.length = header.length;
    return result;
  };
  CHECK(read(hex("82 7d")).length == 125);
  CHECK(read(hex("82 7e 00 7d")).violation == kw::error::length_not_minimal);
  CHECK(read(hex("82 7e 00 7e")).length == 126);
  CHECK(read(hex("82 7e ff ff")).length == 65535);
  CHECK(read(hex("82 7f 00 00 00 00 00 00 ff ff")).violation == kw::error::length_not_minimal);
  CHECK(read(hex("82 7f 00 00 00 00 00 01 00 00")).length == 65536);
  CHECK(read(hex("82 7f 00 00 00 00 80 00 00 00")).length == 0x80000000u);
  CHECK(read(hex("82 7f 00 00 00 01 00 00 00 01")).length == 0x100000001u);
  CHECK(read(hex("82 7f 7f ff ff ff ff ff ff ff")).length == 0x7FFFFFFFFFFFFFFFu);
  CHECK(read(hex("82 7f 80 00 00 00 00 00 00 00")).violation == kw::error::length_too_large);
  CHECK(read(hex("82 7f ff ff ff ff ff ff ff f6")).violation == kw::error::length_too_large);
  // The first byte of the length is enough to see it.
  CHECK(read(hex("82 7f 80")).violation == kw::error::length_too_large);
}

TEST_CASE("header: write is the reverse of read, byte for byte as RFC 6455 §5.2 draws it") {
  unsigned wrong = 0;
  for (std::uint64_t const length :
       std::initializer_list<std::uint64_t>{0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536,
                                            65537, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF}) {
    for (unsigned first = 0; first != 256; ++first) {
      for (bool const masked : {false, true}) {
        kw::frame_header const header{static_cast<kw::opcode>(first & 15u),
                                      first >= 128,
                                      static_cast<std::uint8_t>(first & 0x70u),
                                      masked,
                                      example_key,
                                      length};
        bytes room = repeat(kw::max_frame_header_size + 1, 0xEE);
        std::size_t const size = kw::write_frame_header(room.data(), header);
        bytes const expected = head(first, length, masked ? &example_key : nullptr);
        if (size != expected.size() || kw::frame_header_size(masked, length) != size) ++wrong;
        if (!std::equal(expected.begin(), expected.end(), room.begin())) ++wrong;
        for (std::size_t i = size; i != room.size(); ++i) wrong += room[i] != std::byte{0xEE};
      }
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("header: printed for a log") {
  CHECK(kw::to_string(kw::frame_header{.type = kw::opcode::text, .masked = true, .length = 125}) ==
        "TEXT fin masked 125 bytes");
  CHECK(kw::to_string(kw::frame_header{
            .type = kw::opcode::continuation, .fin = false, .reserved = 0x70, .length = 1}) ==
        "CONTINUATION rsv1 rsv2 rsv3 1 byte");
  CHECK(kw::to_string(kw::frame_header{.type = static_cast<kw::opcode>(0xB)}) == "RESERVED 11 fin 0 bytes");
}

}  // namespace header_tests
