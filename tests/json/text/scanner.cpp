#include <kindwire/json/text/scanner.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace scanner_tests {

using kindwire::json_errc;
using kindwire::detail::json_scanner;

namespace {

// The error, or none.
json_errc check(std::string_view text) {
  // A copy on the heap, so that a sanitizer sees what is read past its end.
  std::vector<char> const bytes{text.begin(), text.end()};
  json_scanner scanner{{bytes.data(), bytes.size()}};
  if (scanner.skip_value() && scanner.finish()) return {};
  return scanner.take_error().code;
}

}  // namespace

TEST_CASE("JSON is accepted") {
  for (std::string_view const text :
       {"null", "true", "false", "0", "-0", "1", "-12.5e+10", "1E-2", R"("")", R"("a\nb")", "[]", "{}",
        "[[],{}]", R"({"a":1,"b":[1,2,{"c":null}],"":{}})", " \t\r\n[ 1 , 2 ] \n", "1e400",
        "\"\xF0\x9F\x98\x80\""}) {
    CAPTURE(text);
    CHECK(check(text) == json_errc{});
  }
}

TEST_CASE("what is no JSON is refused, each with its error") {
  using enum json_errc;
  struct row {
    std::string_view text;
    json_errc code;
  };
  using namespace std::string_view_literals;
  for (row const& each : std::vector<row>{{"", truncated},
                                          {" ", truncated},
                                          {"nul", truncated},
                                          {"nulx", malformed},
                                          {"True", malformed},
                                          {"01", malformed},
                                          {"-", truncated},
                                          {"+1", malformed},
                                          {".5", malformed},
                                          {"1.", truncated},
                                          {"1.x", malformed},
                                          {"1e", truncated},
                                          {"1e+", truncated},
                                          {"0x10", trailing_data},
                                          {"NaN", malformed},
                                          {"Infinity", malformed},
                                          {"[1,]", malformed},
                                          {"[,1]", malformed},
                                          {"[1 2]", malformed},
                                          {"{\"a\":1,}", malformed},
                                          {"{a:1}", malformed},
                                          {"{\"a\" 1}", malformed},
                                          {"{\"a\":}", malformed},
                                          {"{1:2}", malformed},
                                          {"[}", malformed},
                                          {"{]", malformed},
                                          {"[1}", malformed},
                                          {"{\"a\":1]", malformed},
                                          {"1 2", trailing_data},
                                          {"[]]", trailing_data},
                                          {"null\0"sv, trailing_data},
                                          {"\0"sv, malformed},
                                          {"[1\0]"sv, malformed},
                                          {"'a'", malformed},
                                          {"/**/1", malformed},
                                          {"\"a\nb\"", malformed},
                                          {"\"a\0b\""sv, malformed},
                                          {"\"\\n\0\""sv, malformed},
                                          {R"("\x")", invalid_escape},
                                          {R"("\u12g4")", invalid_escape},
                                          {"\"\xFF\"", invalid_utf8},
                                          {"\"\xED\xA0\x80\"", invalid_utf8},
                                          {"\"\\n\xC0\x80\"", invalid_utf8},
                                          {R"("\ud800")", lone_surrogate},
                                          {R"("\udc00")", lone_surrogate},
                                          {"\xEF\xBB\xBF{}", malformed}}) {
    CAPTURE(each.text);
    CHECK(check(each.text) == each.code);
  }
}

TEST_CASE("a text cut anywhere is refused") {
  std::string const text = R"({"a":[1,-2.5e3,"x\n\ud83d\ude00é",true,false,null,{}],"b":{"c":[[]]}})";
  REQUIRE(check(text) == json_errc{});
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK(check(std::string_view{text}.substr(0, size)) != json_errc{});
  }
}

TEST_CASE("64 levels are passed, and no more, whatever comes") {
  CHECK(check(std::string(64, '[') + std::string(64, ']')) == json_errc{});
  CHECK(check(std::string(65, '[') + std::string(65, ']')) == json_errc::too_deep);
  CHECK(check(std::string(std::size_t{1} << 20, '[')) == json_errc::too_deep);
  std::string objects;
  for (int level = 0; level < 63; ++level) objects += level % 2 == 0 ? R"({"a":)" : "[";
  std::string text = objects + "{}";
  for (int level = 63; level-- > 0;) text += level % 2 == 0 ? "}" : "]";
  CHECK(check(text) == json_errc{});
}

TEST_CASE("a value of another type is told from what is not JSON") {
  using enum json_errc;
  auto const error = [](std::string_view text) {
    std::vector<char> const bytes{text.begin(), text.end()};
    json_scanner scanner{{bytes.data(), bytes.size()}};
    REQUIRE(!scanner.enter('{', "an object"));
    return scanner.take_error();
  };
  for (std::string_view const text :
       {"not json", "true story", "nullx", "trueish", "falsehood", "nul1", "-x", "- 1", "01", "1.x", "1 2",
        "12abc", "\"a\" b", "null]", "t,", "\"a\nb\""}) {
    CAPTURE(text);
    CHECK(error(text).code == malformed);
  }
  for (std::string_view const text : {"t", "fals", "nul", "-", "1.", "1e", "\"abc"}) {
    CAPTURE(text);
    CHECK(error(text).code == truncated);
  }
  for (std::string_view const text :
       {"true", " false ", "null\n", "-1", "0", "1.5e3 ", "\"abc\"", "[1", "[", "\"\\n\""}) {
    CAPTURE(text);
    auto const found = error(text);
    CHECK(found.code == wrong_type);
    CHECK(found.offset == text.find_first_not_of(' '));
  }
  CHECK(error("not json").message() == "malformed JSON at byte 0: expected an object, found 'n'");
  CHECK(error("true story").message() == "malformed JSON at byte 5: expected the end of the text, found 's'");
  // Inside of others, what ends these may follow.
  auto const element = [](std::string_view text) {
    json_scanner scanner{text};
    bool first = true;
    bool more = false;
    REQUIRE(scanner.enter('[', {}));
    REQUIRE(scanner.next(']', first, more));
    REQUIRE(!scanner.enter('{', "an object"));
    return scanner.take_error().code;
  };
  CHECK(element("[true]") == wrong_type);
  CHECK(element("[1 ,") == wrong_type);
  CHECK(element("[true story]") == malformed);
  CHECK(element("[truth]") == malformed);
}

TEST_CASE("what strings with escapes are decoded into may be lent, with the room that it has") {
  std::string room;
  room.reserve(1000);
  char const* const block = room.data();
  for (int round = 0; round != 2; ++round) {
    json_scanner scanner{R"("\n")"};
    scanner.swap_scratch(room);
    CHECK(room.empty());
    std::string_view value;
    REQUIRE(scanner.string(value));
    CHECK(value == "\n");
    CHECK(value.data() == block);
    CHECK(!scanner.in_text(value));
    scanner.swap_scratch(room);
    CHECK(room == "\n");
    CHECK(room.data() == block);
  }
}

}  // namespace scanner_tests
