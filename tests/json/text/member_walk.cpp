#include <kindwire/json/text/member_walk.hpp>

#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace member_walk_tests {

using kindwire::detail::json_scanner;
using kindwire::detail::member_walk;

namespace {

// The members of an object with their values, each in brackets, and what comes then.
std::string members_of(std::string_view text) {
  json_scanner scanner{text};
  std::string all;
  if (!scanner.enter('{', {})) return "no object";
  member_walk member{scanner};
  while (member.next()) {
    CHECK(member.is_first() == all.empty());
    all += '[' + std::string{member.name()} + '=';
    CHECK(*member.at() == '"');
    scanner.skip_space();
    char const* const begin = scanner.position();
    if (!scanner.skip_value()) return all + "broken";
    all += std::string(begin, scanner.position()) + ']';
  }
  if (member.failed()) return all + scanner.take_error().message();
  return all + scanner.position();
}

}  // namespace

TEST_CASE("members come one after the other, and the object's end is passed") {
  CHECK(members_of("{} x") == " x");
  CHECK(members_of(R"({"a":1})") == "[a=1]");
  CHECK(members_of(" { \"a\" : {\"b\":[2]} ,\n\"\\u0063\":\"}\" } , ") == R"([a={"b":[2]}][c="}"] , )");
}

TEST_CASE("a walk may begin behind the first member") {
  json_scanner scanner{R"({"a":1,"b":2})"};
  std::string_view name;
  REQUIRE((scanner.enter('{', {}) && scanner.key(name) && scanner.skip_value()));
  member_walk member{scanner, false};
  REQUIRE(member.next());
  CHECK(member.name() == "b");
  CHECK(!member.is_first());
  REQUIRE(scanner.skip_value());
  CHECK((!member.next() && !member.failed()));
}

TEST_CASE("a walk ends at what is no member") {
  CHECK(members_of(R"({"a":1,})") == "[a=1]malformed JSON at byte 7: expected a field name, found '}'");
  CHECK(members_of(R"({"a":1 "b":2})") == "[a=1]malformed JSON at byte 7: expected ',' or '}', found '\"'");
  CHECK(members_of(R"({a:1})") == "malformed JSON at byte 1: expected a field name, found 'a'");
  CHECK(members_of(R"({"a")") == "JSON ends too early at byte 4: expected ':'");
  CHECK(members_of(R"({"a":.})") == "[a=broken");
}

}  // namespace member_walk_tests
