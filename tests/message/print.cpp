#include <kindwire/message/print.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <string_view>

namespace message_print_tests {

namespace kw = kindwire;
using namespace std::string_view_literals;

namespace {

std::string frame(kw::frame_header header, std::string_view payload, std::size_t most = 40) {
  header.length = payload.size();
  return kw::to_string(header, kw::detail::as_bytes(payload), most);
}

}  // namespace

TEST_CASE("print: a frame with its payload, bounded, on one line") {
  CHECK(frame({.type = kw::opcode::text, .masked = true}, "hello") == R"(TEXT fin masked 5 bytes: "hello")");
  CHECK(frame({.type = kw::opcode::text}, "") == "TEXT fin 0 bytes");
  CHECK(frame({.type = kw::opcode::text, .fin = false}, "hello", 2) == R"(TEXT 5 bytes: "he"...)");
  CHECK(frame({.type = kw::opcode::text}, std::string(41, 'x')) ==
        "TEXT fin 41 bytes: \"" + std::string(40, 'x') + "\"...");
  CHECK(frame({.type = kw::opcode::binary}, "\0\xff\r\n"sv) == R"(BINARY fin 4 bytes: "\x00\xff\r\n")");
}

TEST_CASE("print: a Close with its code and its reason") {
  CHECK(frame({.type = kw::opcode::close}, "") == "CLOSE fin 0 bytes");
  CHECK(frame({.type = kw::opcode::close}, "\x03\xe9"sv) == "CLOSE fin 2 bytes: 1001 going away");
  CHECK(frame({.type = kw::opcode::close}, "\x03\xe9\nbye"sv) ==
        R"(CLOSE fin 6 bytes: 1001 going away "\nbye")");
  CHECK(frame({.type = kw::opcode::close}, "\x03"sv) == R"(CLOSE fin 1 byte: "\x03")");
  CHECK(frame({.type = kw::opcode::close}, "\x03\xed?"sv) == R"(CLOSE fin 3 bytes: "\x03\xed?")");
}

TEST_CASE("print: a message") {
  CHECK(kw::to_string(kw::message{}) == "no message");
  CHECK(kw::to_string(kw::message{kw::message_type::text, kw::detail::as_bytes("hi")}) ==
        R"(TEXT 2 bytes: "hi")");
  CHECK(kw::to_string(kw::message{kw::message_type::binary, kw::detail::as_bytes("h")}, 0) ==
        R"(BINARY 1 byte: ""...)");
}

}  // namespace message_print_tests
