#include <kindwire/json/kind/find.hpp>

#include <string>
#include <string_view>
#include <variant>

#include <doctest/doctest.h>

#include <kindwire/json/reader.hpp>
#include <kindwire/json/reading/message_reader.hpp>

namespace find_tests {

namespace kw = kindwire;
using kw::duplicate_policy;
using kw::json_errc;
using kw::detail::kind_key;
using kw::detail::kind_place;
using kw::detail::message_reader;

namespace {

struct circle {
  int radius = 0;
  static constexpr auto schema = kw::kind("CIRCLE", kw::field("radius", &circle::radius, kw::defaulted));
};
struct square {
  static constexpr auto schema = kw::kind("SQUARE");
};
struct drawing {
  std::variant<circle, square> shape;
  static constexpr auto schema = kw::kind("DRAWING", kw::field("shape", &drawing::shape));
};

// The kind, or what is wrong and where.
std::string found(std::string_view text, duplicate_policy duplicates) {
  message_reader reader{text, {.duplicates = duplicates}};
  kind_place place;
  if (reader.find_kind(kind_key{"kind"}, place)) return std::string{place.kind};
  kw::json_error const error = reader.take_error();
  return error.message() + " at " + std::to_string(error.offset);
}

std::string shape_of(std::string const& shape) {
  auto const result = kw::decode<drawing>(R"({"kind":"DRAWING","shape":)" + shape + '}');
  return result ? std::to_string(result->shape.index())
                : result.error().path + ": " + result.error().message();
}

}  // namespace

TEST_CASE("a kind is found wherever it stands, with escapes and without") {
  using enum duplicate_policy;
  for (auto const policy : {refuse, first, last}) {
    CHECK(found(R"({"kind":"A"})", policy) == "A");
    CHECK(found(" {\n\"x\" : {\"kind\":\"B\"} , \"kind\" : \"A\" } ", policy) == "A");
    CHECK(found(R"({"k\u0069nd":"\u0041","x":"\n"})", policy) == "A");
    CHECK(found(R"({"x":[1,2],"kind":""})", policy).empty());
  }
  CHECK(found(R"({"kind":"A","x":1,"k\u0069nd":"B","y":"\n"})", refuse) == "A");
  CHECK(found(R"({"kind":"A","x":1,"k\u0069nd":"B","y":"\n"})", first) == "A");
  CHECK(found(R"({"kind":"A","x":1,"k\u0069nd":"\u0042","y":"\n"})", last) == "B");
  CHECK(found(R"({"kind":7,"kind":"B"})", last) == "B");
}

TEST_CASE("what is wrong with a kind is told with its place") {
  using enum duplicate_policy;
  for (auto const policy : {refuse, first, last}) {
    CHECK(found("{}", policy) == "message without a kind at 2");
    CHECK(found(R"({"x":{"kind":"A"}})", policy) == "message without a kind at 18");
    CHECK(found(R"({"kind":7})", policy) == R"(field "kind": expected a string, found a number at 8)");
    CHECK(found(R"({"x":1,"kind":nul})", policy).find("malformed JSON at byte") != std::string::npos);
    CHECK(found(R"(["kind","A"])", policy) == "expected an object, found an array at 0");
    CHECK(found(R"({"x":1 "kind":"A"})", policy).find("malformed JSON at byte 7") == 0);
    CHECK(found(R"({"x":.,"kind":"A"})", policy).find("malformed JSON at byte 5") == 0);
    CHECK(found(R"({"x")", policy).find("JSON ends too early at byte 4") == 0);
  }
  CHECK(found(R"({"kind":"A","kind":[]})", last) ==
        R"(field "kind": expected a string, found an array at 19)");
  CHECK(found(R"({"kind":"A","x":})", last).find("malformed JSON at byte 16") == 0);
}

TEST_CASE("a kind inside of a message is missing, unknown or another, at its path") {
  CHECK(shape_of(R"({"kind":"CIRCLE","radius":2})") == "0");
  CHECK(shape_of(R"({"radius":2,"kind":"CIRCLE"})") == "0");
  CHECK(shape_of(R"({"kind":"SQUARE"})") == "1");
  CHECK(shape_of(R"({"radius":2})") == R"(/shape/kind: field "shape": message without a kind)");
  CHECK(shape_of(R"({"kind":"SQUARED"})") ==
        R"(/shape/kind: field "shape": unknown kind "SQUARED"; did you mean "SQUARE"?)");
  auto const wrong = kw::decode<square>(R"({"kind":"CIRCLE"})");
  CHECK(wrong.error().code == json_errc::wrong_kind);
  CHECK(wrong.error().offset == 8);
  CHECK(wrong.error().path == "/kind");
  CHECK(wrong.error().message() == R"(expected kind "SQUARE", found "CIRCLE")");
}

}  // namespace find_tests
