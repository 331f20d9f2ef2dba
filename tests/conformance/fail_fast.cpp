// A broken rule is noticed at the byte that breaks it, not when the frame or the message is whole, and
// nothing is held for what a header only declares.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "support/allocations.hpp"
#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/reference.hpp"

namespace fail_fast_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
constexpr key zeros{};

key const* mask_of(role sender) { return sender == role::client ? &zeros : nullptr; }

std::error_code error_of(reference_receiver const& expected) {
  return expected.violation == kw::error{} ? std::error_code{} : make_error_code(expected.violation);
}

TEST_CASE("fail fast: reserved bits, reserved opcodes and fragmented control frames at the first byte") {
  for (role const self : both_roles) {
    for (bool const inside : {false, true}) {
      unsigned refused = 0;
      for (unsigned first = 0; first != 256; ++first) {
        CAPTURE(first);
        reference_receiver expected{self};
        end actual{self};
        if (inside) {
          bytes const begun = frame(peer_of(self), opcode::text, text("a"), false);
          expected.take(begun);
          actual.take(begun);
        }
        std::byte const only{static_cast<unsigned char>(first)};
        expected.take(only);
        actual.take({&only, 1});
        CHECK(actual.ws.error() == error_of(expected));
        refused += expected.violation != kw::error{};
      }
      // Of 256, 32 have no reserved bit; 12 of those have an opcode, and 3 are control frames without FIN.
      CHECK(refused == 256 - (12 - 3));
    }
  }
}

TEST_CASE("fail fast: masking and the length of control frames at the second byte") {
  for (role const self : both_roles) {
    unsigned refused = 0;
    for (unsigned const first : {0x81u, 0x82u, 0x01u, 0x88u, 0x89u, 0x8Au}) {
      for (unsigned second = 0; second != 256; ++second) {
        CAPTURE(first);
        CAPTURE(second);
        reference_receiver expected{self, no_limit};
        end actual{self, {.max_message_size = no_limit}};
        for (unsigned const value : {first, second}) {
          std::byte const each{static_cast<unsigned char>(value)};
          CHECK(actual.ws.is_open());
          expected.take(each);
          actual.take({&each, 1});
        }
        CHECK(actual.ws.error() == error_of(expected));
        refused += expected.violation != kw::error{};
      }
    }
    CHECK(refused == 6 * 128 + 3 * 2);
  }
}

TEST_CASE("fail fast: lengths at the byte that shows them to be wrong, whatever they declare") {
  unsigned refused = 0;
  for (role const self : both_roles) {
    for (int const form : {16, 64}) {
      for (int shift = 0; shift != 64; ++shift) {
        for (std::uint64_t const around : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
          std::uint64_t const length = (std::uint64_t{1} << shift) + around;
          if (form == 16 && length > 65535) continue;
          CAPTURE(form);
          CAPTURE(length);
          bytes const input = head(0x82, length, mask_of(peer_of(self)), form);
          reference_receiver expected{self, 1 << 20};
          end actual{self};
          for (auto const& each : input) {
            expected.take(each);
            actual.take({&each, 1});
            CHECK(actual.ws.error() == error_of(expected));
          }
          refused += expected.violation != kw::error{};
        }
      }
    }
  }
  CHECK(refused > 300);
}

TEST_CASE("fail fast: what a header declares is neither allocated nor waited for") {
  for (role const self : both_roles) {
    key const* const mask = mask_of(peer_of(self));
    std::vector<bytes> headers;
    for (int shift = 7; shift != 63; ++shift) {
      for (unsigned const first : {0x81u, 0x82u, 0x01u, 0x02u})
        headers.push_back(head(first, (std::uint64_t{1} << shift) + 3, mask));
    }
    for (bytes const& header : headers) {
      CAPTURE(to_hex(header));
      for (bool const inside : {false, true}) {
        for (std::size_t const limit : {std::size_t{1} << 20, no_limit}) {
          bytes input = header;
          if (inside) input[0] &= std::byte{0x80};
          end actual{self, {.max_message_size = limit}};
          reference_receiver expected{self, std::min<std::uint64_t>(limit, no_limit / 4)};
          bytes const begun = inside ? frame(peer_of(self), opcode::binary, text("a"), false) : bytes{};
          expected.take(begun);
          expected.take(input);
          actual.take(begun);
          feed(actual.ws, input);
          allocation_counter const counter;
          CHECK_FALSE(actual.ws.poll());
          // For a frame that is refused, our Close is all that is held, and it is short.
          CHECK(counter.bytes() <= (expected.violation == kw::error{} ? 0u : 1024u));
          CHECK(actual.ws.error() == error_of(expected));
        }
      }
    }
  }
}

// Texts that cannot be, with possible ones before and behind the byte that cannot.
std::vector<bytes> broken_texts() {
  std::vector<bytes> result;
  for (char const* const bad : {"c080", "c1bf", "e08080", "e09fbf", "eda080", "edbfbf", "f08080", "f4908080",
                                "f5", "f888808080", "ff", "80", "c3c3", "e28228", "f09f9841", "e2e282ac"}) {
    for (char const* const before : {"", "61", "c3a9", "f09f9880", "6162636465666768696a6b6c6d6e6f70e282ac"})
      result.push_back(hex(before) + hex(bad) + text("and so on"));
  }
  return result;
}

TEST_CASE("fail fast: bad UTF-8 at the first impossible byte, over any split of frames and reads") {
  unsigned wrong = 0;
  for (role const self : both_roles) {
    key const* const mask = self == role::server ? &example_key : nullptr;
    for (bytes const& broken : broken_texts()) {
      std::size_t const possible = reference_utf8_prefix(broken);
      REQUIRE(possible < broken.size());
      for (std::size_t cut = 0; cut <= broken.size(); ++cut) {
        // Two fragments, the second of which declares far more than ever comes; a ping between them.
        bytes const first(broken.begin(), broken.begin() + static_cast<std::ptrdiff_t>(cut));
        bytes rest(broken.begin() + static_cast<std::ptrdiff_t>(cut), broken.end());
        bytes input = frame(0x01, first, mask) + frame(0x89, text("?"), mask);
        rest.resize(rest.size() + 500);
        bytes const second = frame(0x00, rest, mask);
        input.insert(input.end(), second.begin(), second.end() - 500);

        reference_receiver slow{self};
        std::size_t fatal = 0;  // the byte that cannot be
        for (std::size_t i = 0; i != input.size(); ++i) {
          slow.take(input[i]);
          if (slow.violation == kw::error{}) fatal = i + 1;
        }
        wrong += slow.violation != kw::error::invalid_utf8 || fatal >= input.size();
        wrong += input.size() - fatal != (possible < cut ? input.size() - fatal : broken.size() - possible);

        // In one read up to every byte; in two with one cut before it; and byte by byte.
        for (std::size_t size = 0; size <= input.size(); size += size + 8 < fatal ? 5 : 1) {
          kw::session ws{self};
          feed(ws, std::span{input}.first(size));
          ws.poll();
          wrong += (ws.error() == kw::error::invalid_utf8) != (size > fatal);
          if (size > fatal) continue;
          feed(ws, std::span{input}.subspan(size, fatal - size));
          ws.poll();
          wrong += !ws.is_open();
          feed(ws, std::span{input}.subspan(fatal, 1));
          ws.poll();
          wrong += ws.error() != kw::error::invalid_utf8;
        }
        end singles{self};
        singles.take_singly(std::span{input}.first(fatal));
        wrong += !singles.ws.is_open();
        singles.take_singly(std::span{input}.subspan(fatal, 1));
        wrong += singles.ws.error() != kw::error::invalid_utf8 || !singles.seen.empty();
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("fail fast: the reason of a Close that is not UTF-8 is told when the frame is whole") {
  // RFC 6455 §8.1 asks for an end "when an endpoint is to interpret a byte stream as UTF-8 but finds that it
  // is not": a control frame is at most 125 bytes and is interpreted whole.
  for (role const self : both_roles) {
    bytes const input = frame(peer_of(self), opcode::close, hex("03 e8 ff 61 62 63"));
    for (std::size_t size = 0; size <= input.size(); ++size) {
      end one{self};
      one.take(std::span{input}.first(size));
      CHECK(one.ws.is_open() == (size != input.size()));
    }
  }
}

}  // namespace

}  // namespace fail_fast_tests
