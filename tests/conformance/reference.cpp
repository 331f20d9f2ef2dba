// The reference that the other tests compare with, against what the RFCs themselves print and what was worked
// out by hand, so that it does not merely agree with the code that it is there to judge.
#include "support/reference.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"

namespace conformance_reference_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

reference_receiver read(role self, bytes const& input) {
  reference_receiver result{self};
  result.take(input);
  return result;
}

TEST_CASE("reference: the examples of RFC 6455 §5.7") {
  CHECK(read(role::client, hex("81 05 48 65 6c 6c 6f")).events == events{{opcode::text, text("Hello")}});
  CHECK(read(role::server, hex("81 85 37 fa 21 3d 7f 9f 4d 51 58")).events ==
        events{{opcode::text, text("Hello")}});
  CHECK(read(role::client, hex("01 03 48 65 6c 80 02 6c 6f")).events ==
        events{{opcode::text, text("Hello")}});
  CHECK(read(role::client, hex("89 05 48 65 6c 6c 6f")).events == events{{opcode::ping, text("Hello")}});
  CHECK(read(role::server, hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58")).events ==
        events{{opcode::pong, text("Hello")}});
  CHECK(read(role::client, hex("82 7e 01 00") + repeat(256, 'x')).events ==
        events{{opcode::binary, repeat(256, 'x')}});
  CHECK(read(role::client, hex("82 7f 00 00 00 00 00 01 00 00") + repeat(65536, 'x')).events ==
        events{{opcode::binary, repeat(65536, 'x')}});
}

TEST_CASE("reference: each rule at the byte that breaks it, counted by hand") {
  struct row {
    role self;
    char const* input;
    kw::error why;
    std::size_t taken;
  };
  using enum kw::error;
  for (row const& each : {row{role::server, "c1 80 00 00 00 00", reserved_bits, 1},
                          row{role::server, "a1", reserved_bits, 1},
                          row{role::client, "91 00", reserved_bits, 1},
                          row{role::server, "83 80", reserved_opcode, 1},
                          row{role::client, "8f 00", reserved_opcode, 1},
                          row{role::server, "09 80", control_frame_fragmented, 1},
                          row{role::server, "81 05 48", unmasked_client_frame, 2},
                          row{role::client, "81 85 37", masked_server_frame, 2},
                          row{role::server, "89 fe 00 7e", control_frame_too_long, 2},
                          row{role::client, "88 7f", control_frame_too_long, 2},
                          row{role::server, "81 fe 00 05 00", length_not_minimal, 4},
                          row{role::client, "81 7e 00 7d", length_not_minimal, 4},
                          row{role::client, "82 7f 00 00 00 00 00 00 ff ff", length_not_minimal, 8},
                          row{role::server, "82 ff 80 00 00 00 00 00 00 00", length_too_large, 3},
                          row{role::server, "80 80 00 00 00 00", unexpected_continuation, 6},
                          row{role::client, "80 05", unexpected_continuation, 2},
                          row{role::client, "01 01 41 81 01 42", expected_continuation, 5},
                          row{role::client, "81 05 61 ff", invalid_utf8, 4},
                          row{role::client, "81 02 e2 82", invalid_utf8, 4},
                          row{role::client, "01 01 f4 80 03 90", invalid_utf8, 6},
                          row{role::client, "88 01 03", close_body_too_short, 3},
                          row{role::client, "88 02 03 ed", close_code_invalid, 4},
                          row{role::client, "88 03 03 e8 ff", invalid_utf8, 5}}) {
    CAPTURE(each.input);
    reference_receiver const result = read(each.self, hex(each.input));
    CHECK(result.violation == each.why);
    CHECK(result.taken == each.taken);
    CHECK_FALSE(result.closed);
    CHECK(result.events.empty());
  }
}

TEST_CASE("reference: the limits act on the header, counted by hand") {
  auto const with_limits = [](char const* input) {
    reference_receiver result{role::client, 5, 2};
    result.take(hex(input));
    return result;
  };
  CHECK(with_limits("82 05 01 02 03 04 05").events.size() == 1);
  CHECK(with_limits("82 06").violation == kw::error::message_too_large);
  CHECK(with_limits("02 01 41 00 05").violation == kw::error::message_too_large);
  CHECK(with_limits("02 01 41 80 04 01 02 03 04").events.size() == 1);
  CHECK(with_limits("02 01 41 00 00 80 00").violation == kw::error::too_many_fragments);
  CHECK(with_limits("02 01 41 00 00 80 00").taken == 7);
}

TEST_CASE("reference: a Close is read as RFC 6455 §5.5.1 writes it, and nothing behind it") {
  reference_receiver const empty = read(role::client, hex("88 00 81 00"));
  CHECK(empty.closed);
  CHECK(empty.close_code == 1005);
  CHECK(empty.taken == 2);
  CHECK(empty.events.empty());
  reference_receiver const full = read(role::client, hex("88 05 0f a0 62 79 65 ff"));
  CHECK(full.closed);
  CHECK(full.close_code == 4000);
  CHECK(full.close_reason == text("bye"));
  CHECK(full.violation == kw::error{});
  CHECK(read(role::client, hex("88 05 0f")).close_code == 1006);
}

TEST_CASE("reference: the close codes of RFC 6455 §7.4 and IANA's registry, one by one") {
  std::size_t valid = 0;
  for (unsigned code = 0; code != 65536; ++code) valid += reference_close_code_may_be_sent(code);
  CHECK(valid == 4 + 8 + 2000);
  for (unsigned const code : {1000u, 1001u, 1002u, 1003u, 1007u, 1008u, 1009u, 1010u, 1011u, 1012u, 1013u,
                              1014u, 3000u, 3999u, 4000u, 4999u})
    CHECK(reference_close_code_may_be_sent(code));
  for (unsigned const code :
       {0u, 1u, 999u, 1004u, 1005u, 1006u, 1015u, 1016u, 1100u, 2000u, 2999u, 5000u, 65535u})
    CHECK_FALSE(reference_close_code_may_be_sent(code));
}

TEST_CASE("reference: the examples of RFC 3629 §7, and the borders of its grammar") {
  for (char const* const good :
       {"41 e2 89 a2 ce 91 2e", "ed 95 9c ea b5 ad ec 96 b4", "e6 97 a5 e6 9c ac e8 aa 9e",
        "ef bb bf f0 a3 8e b4", "00", "7f", "c2 80", "df bf", "e0 a0 80", "ed 9f bf", "ee 80 80", "ef bf bf",
        "f0 90 80 80", "f4 8f bf bf"})
    CHECK(reference_is_utf8(hex(good)));
  struct row {
    char const* bad;
    std::size_t possible;  // bytes before the first impossible one
  };
  for (row const& each :
       {row{"80", 0}, row{"bf", 0}, row{"c0 80", 0}, row{"c1 bf", 0}, row{"e0 80 80", 1}, row{"e0 9f bf", 1},
        row{"ed a0 80", 1}, row{"ed bf bf", 1}, row{"f0 80 80 80", 1}, row{"f0 8f bf bf", 1},
        row{"f4 90 80 80", 1}, row{"f5 80 80 80", 0}, row{"f8 88 80 80 80", 0}, row{"fe", 0}, row{"ff", 0},
        row{"c2 41", 1}, row{"e2 82 41", 2}, row{"f0 9f 98 41", 3}, row{"41 f0 9f c2", 3}}) {
    CAPTURE(each.bad);
    CHECK(reference_utf8_prefix(hex(each.bad)) == each.possible);
    CHECK_FALSE(reference_is_utf8(hex(each.bad)));
  }
  for (char const* const cut : {"c2", "e2", "e2 82", "f0", "f0 9f", "f0 9f 98"}) {
    CHECK(reference_utf8_prefix(hex(cut)) == hex(cut).size());
    CHECK_FALSE(reference_is_utf8(hex(cut)));
  }
}

}  // namespace

}  // namespace conformance_reference_tests
