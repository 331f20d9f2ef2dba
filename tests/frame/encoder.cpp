#include <kindwire/frame/encoder.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <span>
#include <vector>

#include <kindwire/frame/decoder.hpp>

#include "support/allocations.hpp"
#include "support/bytes.hpp"

namespace encoder_tests {

namespace {

namespace kw = kindwire;
using namespace support;

constexpr std::size_t sizes[] = {0,   1,   2,   3,   4,     7,     8,     31,    32,    33,     124,    125,
                                 126, 127, 128, 255, 65534, 65535, 65536, 65537, 65538, 100000, 1 << 20};

key key_of(bytes const& frame) {
  std::size_t const size = frame[1] == std::byte{0xFE} ? 4 : frame[1] == std::byte{0xFF} ? 10 : 2;
  key result;
  std::memcpy(result.data(), frame.data() + size, result.size());
  return result;
}

TEST_CASE(
    "encoder: every frame is byte for byte the one built by hand, at all border lengths and for both roles") {
  random_numbers random{20};
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    kw::basic_frame_encoder const encoder{self};
    for (std::size_t const size : sizes) {
      for (unsigned const first : {0x01u, 0x82u, 0x00u, 0x80u, 0x88u, 0x89u, 0x8Au, 0xC1u, 0x72u}) {
        bool const control = (first & 8u) != 0;
        if (control && size > 125) continue;
        CAPTURE(size);
        CAPTURE(first);
        bytes const payload = random.any(size);
        auto const type = static_cast<kw::opcode>(first & 15u);
        bool const fin = first >= 128;
        auto const reserved = static_cast<std::uint8_t>(first & 0x70u);

        bytes written = repeat(encoder.size(size) + 16, 0xEE);
        std::size_t const used = encoder.write(written.data(), type, payload, fin, reserved);
        CHECK(used == encoder.size(size));
        CHECK(std::all_of(written.begin() + static_cast<std::ptrdiff_t>(used), written.end(),
                          [](std::byte each) { return each == std::byte{0xEE}; }));
        written.resize(used);
        key mask = self == kw::role::client ? key_of(written) : key{};
        CHECK(bool(written == frame(first, payload, self == kw::role::client ? &mask : nullptr)));

        std::size_t const header_size = used - size;
        bytes enclosed = repeat(header_size, 0xEE) + payload + repeat(16, 0xEE);
        encoder.enclose(enclosed.data(), type, std::span{enclosed}.subspan(header_size, size), fin, reserved);
        CHECK(std::count(enclosed.end() - 16, enclosed.end(), std::byte{0xEE}) == 16);
        enclosed.resize(used);
        mask = self == kw::role::client ? key_of(enclosed) : key{};
        CHECK(bool(enclosed == frame(first, payload, self == kw::role::client ? &mask : nullptr)));
      }
    }
  }
}

TEST_CASE("encoder: what it writes the other end's decoder reads") {
  random_numbers random{21};
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    kw::basic_frame_encoder const encoder{self};
    kw::basic_frame_decoder decoder{peer_of(self)};
    for (std::size_t const size : sizes) {
      bytes const payload = random.any(size);
      bytes wire(encoder.size(size));
      encoder.write(wire.data(), kw::opcode::binary, payload, size % 2 == 0);
      std::span<std::byte> input = wire;
      auto const chunk = decoder.next(input);
      REQUIRE(chunk);
      CHECK(chunk.last);
      CHECK(chunk.header->fin == (size % 2 == 0));
      CHECK(std::equal(payload.begin(), payload.end(), chunk.payload.begin(), chunk.payload.end()));
    }
    CHECK(decoder.between_frames());
  }
}

TEST_CASE("encoder: a client's frames wear a fresh key each (RFC 6455 §5.3), a server's none") {
  kw::frame_encoder<kw::role::client> const client;
  bytes const payload = text("the same bytes every time");
  bytes wire(client.size(payload.size()));
  std::size_t const count = 1'000'000;
  std::vector<std::uint32_t> keys(count);
  for (auto& each : keys) {
    client.write(wire.data(), kw::opcode::text, payload);
    std::memcpy(&each, wire.data() + 2, sizeof each);
  }
  std::sort(keys.begin(), keys.end());
  std::size_t equal = 0;
  for (std::size_t i = 1; i != count; ++i) equal += keys[i] == keys[i - 1];
  CHECK(equal < 220);  // of 32-bit numbers 116 pairs are equal by chance

  std::set<std::uint32_t> enclosed;
  for (int i = 0; i != 1000; ++i) {
    bytes room = repeat(6, 0) + payload;
    client.enclose(room.data(), kw::opcode::text, std::span{room}.subspan(6));
    std::uint32_t each;
    std::memcpy(&each, room.data() + 2, sizeof each);
    enclosed.insert(each);
  }
  CHECK(enclosed.size() >= 998);

  kw::frame_encoder<kw::role::server> const server;
  bytes plain(server.size(payload.size()));
  server.write(plain.data(), kw::opcode::text, payload);
  CHECK(plain == hex("81 19") + payload);
}

TEST_CASE("encoder: allocates nothing") {
  kw::frame_encoder<kw::role::client> const encoder;
  bytes const payload = repeat(70000, 'x');
  bytes wire(encoder.size(payload.size()));
  allocation_counter const counter;
  for (int i = 0; i != 1000; ++i) encoder.write(wire.data(), kw::opcode::text, std::span{payload}.first(100));
  encoder.write(wire.data(), kw::opcode::text, payload);
  CHECK(counter.calls() == 0);
}

static_assert(kw::frame_encoder<kw::role::client>{}.size(125) == 131);
static_assert(kw::frame_encoder<kw::role::server>{}.size(65536) == 65546);

}  // namespace

}  // namespace encoder_tests
