#include <kindwire/frame/opcode.hpp>

#include <doctest/doctest.h>

#include <string_view>

namespace opcode_tests {

namespace {

using kindwire::opcode;

TEST_CASE("opcode: the values are those of RFC 6455 §5.2, and print by their names") {
  struct {
    unsigned value;
    opcode type;
    std::string_view name;
    bool control;
  } const defined[] = {
      {0x0, opcode::continuation, "CONTINUATION", false},
      {0x1, opcode::text, "TEXT", false},
      {0x2, opcode::binary, "BINARY", false},
      {0x8, opcode::close, "CLOSE", true},
      {0x9, opcode::ping, "PING", true},
      {0xA, opcode::pong, "PONG", true},
  };
  for (auto const& each : defined) {
    CAPTURE(each.value);
    CHECK(static_cast<opcode>(each.value) == each.type);
    CHECK(to_string(each.type) == each.name);
    CHECK(is_control(each.type) == each.control);
    CHECK(begins_message(each.type) == (each.value == 1 || each.value == 2));
    CHECK_FALSE(is_reserved(each.type));
  }
}

TEST_CASE("opcode: 3-7 and B-F are reserved, the latter for control frames") {
  for (unsigned const value : {0x3u, 0x4u, 0x5u, 0x6u, 0x7u, 0xBu, 0xCu, 0xDu, 0xEu, 0xFu}) {
    CAPTURE(value);
    auto const type = static_cast<opcode>(value);
    CHECK(is_reserved(type));
    CHECK_FALSE(begins_message(type));
    CHECK(is_control(type) == (value >= 0xB));
    CHECK(std::string_view{to_string(type)} == "RESERVED");
  }
}

static_assert(is_control(opcode::ping) && !is_reserved(opcode::ping), "usable at compile time");

}  // namespace

}  // namespace opcode_tests
