#include <kindwire/json/description/member_text.hpp>

#include <string>

#include <doctest/doctest.h>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

namespace member_text_tests {

namespace kw = kindwire;
using kw::detail::member_text;

namespace {

struct point {
  int x = 0;
  int y = 0;
  int z = 0;
  static constexpr auto schema =
      kw::kind("POINT", kw::key("op"), kw::field("x", &point::x), kw::field("long \xC3\xA9", &point::y),
               kw::field("quote\"d", &point::z));
  bool operator==(point const&) const = default;
};

struct part {
  int width = 0;
  int height = 0;
  static constexpr auto schema =
      kw::object(kw::field("width", &part::width), kw::field("height", &part::height));
  bool operator==(part const&) const = default;
};

struct odd_kind {
  static constexpr auto schema = kw::kind("a\\b");
};

}  // namespace

TEST_CASE("a member's text is what stands in a compact message, unless something is escaped in it") {
  CHECK(member_text<point>::opening() == R"({"op":"POINT")");
  CHECK(member_text<point>::lead(0) == R"(,"x":)");
  CHECK(member_text<point>::lead(1).empty());
  CHECK(member_text<point>::lead(2).empty());
  CHECK(member_text<part>::opening().empty());
  CHECK(member_text<part>::lead(0) == R"(,"width":)");
  CHECK(member_text<part>::lead(1) == R"(,"height":)");
  CHECK(member_text<odd_kind>::opening().empty());
}

TEST_CASE(
    "fields are read by their looks or not: in order or not, with white space or without, twice or never") {
  for (std::string const text :
       {R"({"width":3,"height":4})", R"({"height":4,"width":3})", R"({ "width":3,"height":4})",
        R"({"width" :3,"height":4})", R"({"width":3 ,"height":4})", R"({"width":3, "height":4})",
        R"({"width":3,"more":[],"height":4})", R"({"w\u0069dth":3,"height":4})",
        R"({"more":0,"width":3,"height":4})"}) {
    CAPTURE(text);
    auto const read = kw::decode<part>(text);
    REQUIRE(read);
    CHECK(*read == part{3, 4});
  }
  for (std::string const text :
       {R"({"width":3,"width":3,"height":4})", R"({"height":4,"width":3,"height":4})",
        R"({"width":3,"height":4,"height":4})"}) {
    CAPTURE(text);
    CHECK(kw::decode<part>(text).error().code == kw::json_errc::duplicate_field);
  }
  for (std::string const text : {R"({"width":3})", R"({"height":4})", "{}"}) {
    CAPTURE(text);
    CHECK(kw::decode<part>(text).error().code == kw::json_errc::missing_field);
  }
  for (std::string const text : {R"({,"width":3,"height":4})", R"({"width":3"height":4})",
                                 R"({"width":3,,"height":4})", R"({"width":3,"height":4,})"}) {
    CAPTURE(text);
    CHECK(kw::decode<part>(text).error().code == kw::json_errc::malformed);
  }
}

TEST_CASE("what is escaped in a name or a kind is written and read") {
  CHECK(*kw::to_json(point{1, 2, 3}) == "{\"op\":\"POINT\",\"x\":1,\"long \xC3\xA9\":2,\"quote\\\"d\":3}");
  CHECK(*kw::decode<point>(*kw::to_json(point{1, 2, 3})) == point{1, 2, 3});
  CHECK(*kw::to_json(odd_kind{}) == R"({"kind":"a\\b"})");
}

}  // namespace member_text_tests
