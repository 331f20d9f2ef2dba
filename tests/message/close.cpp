#include <kindwire/message/close.hpp>

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "support/bytes.hpp"
#include "support/reference.hpp"

namespace message_close_tests {

namespace {

namespace kw = kindwire;
using namespace support;

bytes body_of(unsigned code, bytes const& reason = {}) {
  return bytes{static_cast<std::byte>(code >> 8), static_cast<std::byte>(code & 255u)} + reason;
}

std::error_code read(bytes const& payload, kw::close_body& body) {
  return kw::read_close_body(payload, body);
}

TEST_CASE("close: all 65,536 codes, received and sent (RFC 6455 §7.4)") {
  unsigned wrong = 0;
  unsigned valid = 0;
  for (unsigned value = 0; value != 65536; ++value) {
    auto const code = static_cast<kw::close_code>(value);
    bool const expected = reference_close_code_may_be_sent(value);
    valid += expected;
    wrong += kw::is_valid_on_wire(code) != expected;
    kw::close_body body;
    auto const error = read(body_of(value), body);
    wrong += error != (expected ? std::error_code{} : kw::error::close_code_invalid);
    if (expected) wrong += body.code != code || !body.reason.empty();
    bool const may_send = expected || code == kw::close_code::no_status;
    wrong += kw::check_close(code, {}) != (may_send ? std::error_code{} : kw::error::invalid_argument);
  }
  CHECK(wrong == 0);
  CHECK(valid == 4 + 8 + 2000);
}

TEST_CASE("close: a body is empty or has at least two bytes (RFC 6455 §5.5.1)") {
  kw::close_body body;
  CHECK_FALSE(read({}, body));
  CHECK(body.code == kw::close_code::no_status);
  for (unsigned value = 0; value != 256; ++value)
    CHECK(read({static_cast<std::byte>(value)}, body) == kw::error::close_body_too_short);
  CHECK_FALSE(read(hex("03 e8"), body));
  CHECK(body.code == kw::close_code::normal);
  bytes const bye = hex("03 e9 62 79 65");
  CHECK_FALSE(read(bye, body));
  CHECK(body.code == kw::close_code::going_away);
  CHECK(body.reason == "bye");
}

TEST_CASE("close: the reason is UTF-8, and a view into the body") {
  kw::close_body body;
  CHECK(read(body_of(1000, hex("ff")), body) == kw::error::invalid_utf8);
  CHECK(read(body_of(1000, hex("61 e2 82")), body) == kw::error::invalid_utf8);
  CHECK(read(body_of(1000, hex("ed a0 80")), body) == kw::error::invalid_utf8);
  // A bad code is told before a bad reason.
  CHECK(read(body_of(1006, hex("ff")), body) == kw::error::close_code_invalid);
  bytes const good = body_of(4999, text("caf\xc3\xa9"));
  CHECK_FALSE(read(good, body));
  CHECK(body.reason == "caf\xc3\xa9");
  CHECK(static_cast<void const*>(body.reason.data()) == good.data() + 2);
  CHECK_FALSE(read(body_of(1000, repeat(123, 'r')), body));
  CHECK(body.reason.size() == 123);
}

TEST_CASE("close: what we may send: 123 bytes of UTF-8, and no reason without a code") {
  CHECK_FALSE(kw::check_close(kw::close_code::normal, std::string(123, 'r')));
  CHECK(kw::check_close(kw::close_code::normal, std::string(124, 'r')) == kw::error::invalid_argument);
  CHECK(kw::check_close(kw::close_code::normal, "\xff") == kw::error::invalid_argument);
  CHECK(kw::check_close(kw::close_code::normal, "\xe2\x82") == kw::error::invalid_argument);
  CHECK_FALSE(kw::check_close(kw::close_code::no_status, {}));
  CHECK(kw::check_close(kw::close_code::no_status, "why") == kw::error::invalid_argument);
}

TEST_CASE("close: a written body is read back, at every length of the reason") {
  for (unsigned const code : {1000u, 1011u, 3000u, 4999u}) {
    for (std::size_t size = 0; size <= kw::max_close_reason_size; ++size) {
      std::string const reason(size, 'r');
      std::array<std::byte, kw::max_control_payload_size> room;
      auto const written = kw::write_close_body(room, static_cast<kw::close_code>(code), reason);
      CHECK(copy(written) == body_of(code, text(reason)));
      kw::close_body body;
      CHECK_FALSE(kw::read_close_body(written, body));
      CHECK(static_cast<unsigned>(body.code) == code);
      CHECK(body.reason == reason);
    }
  }
  std::array<std::byte, kw::max_control_payload_size> room;
  CHECK(kw::write_close_body(room, kw::close_code::no_status, {}).empty());
  CHECK(kw::max_close_reason_size == 123);
}

TEST_CASE("close: each violation has its code (RFC 6455 §7.4.1), which may stand on the wire") {
  auto const code = [](kw::error value) { return static_cast<unsigned>(kw::close_code_for(value)); };
  for (auto const framing :
       {kw::error::reserved_bits, kw::error::reserved_opcode, kw::error::unmasked_client_frame,
        kw::error::masked_server_frame, kw::error::length_not_minimal, kw::error::length_too_large,
        kw::error::control_frame_too_long, kw::error::control_frame_fragmented,
        kw::error::unexpected_continuation, kw::error::expected_continuation, kw::error::close_body_too_short,
        kw::error::close_code_invalid})
    CHECK(code(framing) == 1002);
  CHECK(code(kw::error::invalid_utf8) == 1007);
  CHECK(code(kw::error::invalid_compression) == 1007);
  CHECK(code(kw::error::message_too_large) == 1009);
  CHECK(code(kw::error::too_many_fragments) == 1008);
  CHECK(code(kw::error::pong_timeout) == 1008);
  CHECK(code(kw::error::connection_lost) == 1011);
  for (int value = 1; value <= static_cast<int>(kw::error::invalid_compression); ++value)
    CHECK(kw::is_valid_on_wire(kw::close_code_for(static_cast<kw::error>(value))));
}

}  // namespace

TEST_CASE("close: a code printed for a log") {
  CHECK(kw::to_string(kw::close_code::going_away) == "1001 going away");
  CHECK(kw::to_string(kw::close_code::no_status) == "1005 no status received");
  CHECK(kw::to_string(static_cast<kw::close_code>(3000)) == "3000 registered");
  CHECK(kw::to_string(static_cast<kw::close_code>(4999)) == "4999 private use");
  CHECK(kw::to_string(static_cast<kw::close_code>(1004)) == "1004 unknown");
  CHECK(kw::to_string(static_cast<kw::close_code>(0)) == "0 unknown");
  // A name for every code that has a meaning, each its own.
  std::set<std::string_view> names;
  for (unsigned code = 1000; code != 1016; ++code)
    names.insert(kw::describe(static_cast<kw::close_code>(code)));
  CHECK(names.size() == 16);
}

}  // namespace message_close_tests
