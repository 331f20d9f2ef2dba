#include <kindwire/json/error.hpp>

#include <array>
#include <ostream>
#include <string_view>

#include <doctest/doctest.h>

namespace error_tests {

namespace kw = kindwire;

namespace {

constexpr std::array<std::string_view, 3> kinds{"INITIAL", "UPLOAD_PROGRESS", "UPLOAD_FINISH"};

kw::json_error unknown_kind(std::string_view found) {
  kw::json_error error;
  error.code = kw::json_errc::unknown_kind;
  error.path = "/kind";
  error.found = found;
  error.known = kinds;
  return error;
}

}  // namespace

TEST_CASE("a misspelt kind is told its likely meaning") {
  CHECK(unknown_kind("UPLOD_PROGRESS").message() ==
        R"(unknown kind "UPLOD_PROGRESS"; did you mean "UPLOAD_PROGRESS"?)");
  CHECK(unknown_kind("initial").suggestion() == "INITIAL");
  CHECK(unknown_kind("DELETE").message() ==
        R"(unknown kind "DELETE"; known: "INITIAL", "UPLOAD_PROGRESS", "UPLOAD_FINISH")");
  CHECK(unknown_kind("").suggestion().empty());
}

TEST_CASE("many known kinds are not all listed") {
  std::array<std::string_view, 20> many;
  many.fill("SOMETHING_ELSE");
  kw::json_error error = unknown_kind("X");
  error.known = many;
  CHECK(error.message().ends_with(" and 4 more"));
}

TEST_CASE("a field is named by its path") {
  kw::json_error error;
  error.code = kw::json_errc::wrong_type;
  error.path = "/value";
  error.expected = "a number";
  error.found = "a string";
  CHECK(error.message() == R"(field "value": expected a number, found a string)");
  error.path = "/items/3/value";
  CHECK(error.message() == R"(field "items/3/value": expected a number, found a string)");
  error.path.clear();
  CHECK(error.message() == "expected a number, found a string");
  error.code = kw::json_errc::missing_field;
  error.path = "/value";
  CHECK(error.message() == R"(missing field "value")");
}

TEST_CASE("a peer cannot forge a line of the log") {
  std::string const message = unknown_kind("A\"\n2024 all is well\x1b[31m\x7f").message();
  CHECK(message.find_first_of("\n\x1b\x7f") == std::string::npos);
  CHECK(message.starts_with(R"(unknown kind "A\"\x0a2024 all is well\x1b[31m\x7f")"));
}

TEST_CASE("what was found is shown as it is, and what is no text is spelt out") {
  kw::json_error error;
  error.code = kw::json_errc::malformed;
  error.expected = "'\"'";
  error.found = "'\"'";
  CHECK(error.message() == R"(malformed JSON at byte 0: expected '"', found '"')");
  error.path = "/\xFF";
  error.expected = "a \xC3\n";
  error.found = "\xC3";
  CHECK(error.message() == R"(field "\xff": malformed JSON at byte 0: expected a \xc3\x0a, found \xc3)");
}

TEST_CASE("an error is also an error code") {
  std::error_code const code{kw::json_errc::too_deep};
  CHECK(code == kw::json_errc::too_deep);
  CHECK(std::string_view{code.category().name()} == "kindwire.json");
  CHECK(code.message() == "JSON nested too deeply");
  for (int value = 1; value <= static_cast<int>(kw::json_errc::not_finite); ++value) {
    CHECK(kw::json_category().message(value) != "unknown JSON error");
  }
  kw::json_error error;
  error.code = kw::json_errc::too_deep;
  CHECK(std::error_code(error) == code);
}

TEST_CASE("the edit distance counts insertions, deletions and replacements") {
  CHECK(kw::detail::edit_distance("", "abc") == 3);
  CHECK(kw::detail::edit_distance("abc", "") == 3);
  CHECK(kw::detail::edit_distance("kitten", "sitting") == 3);
  CHECK(kw::detail::edit_distance("Progress", "PROGRESS") == 0);
}

}  // namespace error_tests
