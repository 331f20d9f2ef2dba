#include <kindwire/json/kind/head.hpp>

#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <kindwire/json/error_message.hpp>
#include <kindwire/json/writer.hpp>

namespace head_tests {

namespace kw = kindwire;

TEST_CASE("a head is found wherever its parts stand") {
  auto const head = [](std::string_view text) {
    kw::message_head const found = kw::read_head(text, "kind", "id");
    return std::string{found.kind()} + '|' + std::string{found.id()};
  };
  CHECK(head(R"({"kind":"A","id":7})") == "A|7");
  CHECK(head(R"( { "id" : -7.5e1 , "x" : {"kind":"B","id":9} , "kind" : "A" } )") == "A|-7.5e1");
  CHECK(head(R"({"\u0069d":"a\"b","k\u0069nd":"A"})") == R"(A|"a\"b")");
  CHECK(head(R"({"kind":"A"})") == "A|");
  CHECK(head(R"({"id":null,"kind":7})") == "|");
  CHECK(head(R"({"id":[7],"kind":"A"})") == "A|");
  CHECK(head(R"({"kind":"A","id":7,"broken)") == "A|7");
  CHECK(head(R"({"kind":"A","id":7,"x":.)") == "A|7");
  CHECK(head(R"({"kind":"A",})") == "A|");
  CHECK(head(R"({"kind":"A","x":"id","y":7})") == "A|");
  for (std::string_view const text :
       {"", "[]", "{", R"({"id":7)", R"({"id":07,"kind":"A"})", R"({"kind":"A","id":7.,})"}) {
    CHECK(head(text) == "|");
  }
  CHECK(kw::read_head(R"({"kind":"A","x":)", "kind", "").kind() == "A");
}

TEST_CASE("a head's kind is decoded, and belongs to the head then") {
  auto const kind = [](std::string const& text) {
    auto const found = std::make_unique<kw::message_head>(kw::read_head(text, "kind", "id"));
    kw::message_head const copy = *found;
    CHECK(copy.kind() == found->kind());
    return std::string{copy.kind()};
  };
  CHECK(kind(R"({"kind":"GR\u00d6SSE","id":1})") == "GR\u00d6SSE");
  CHECK(kind(R"({"kind":"\ud83d\ude00","id":1})") == "\U0001F600");
  CHECK(kind(R"({"id":1,"kind":"a\\\"\/\n)" + std::string(100, 'x') + "\"}") ==
        "a\\\"/\n" + std::string(100, 'x'));
}

TEST_CASE("of an id that stands twice none counts, unless it is said which") {
  using enum kw::duplicate_policy;
  auto const head = [](std::string_view text, kw::duplicate_policy policy) {
    kw::message_head const found = kw::read_head(text, "kind", "id", policy);
    return std::string{found.kind()} + '|' + std::string{found.id()};
  };
  constexpr std::string_view twice = R"({"id":1,"kind":"A","x":2,"i\u0064":"3","id":4})";
  CHECK(head(twice, refuse) == "A|");
  CHECK(head(twice, first) == "A|1");
  CHECK(head(twice, last) == "A|4");
  constexpr std::string_view before = R"({"id":{},"id":1,"kind":"A"})";
  CHECK(head(before, refuse) == "A|");
  CHECK(head(before, first) == "A|");
  CHECK(head(before, last) == "A|1");
  CHECK(head(R"({"id":1,"id":{},"kind":"A"})", last) == "A|");
  CHECK(head(R"({"kind":"A","id":1,"id":2,)", refuse) == "A|");
  CHECK(head(R"({"kind":"A","x":{"id":1},"id":2})", refuse) == "A|2");
  for (std::size_t const size : {std::size_t{0}, std::size_t{100}, std::size_t{1000}}) {
    std::string const begin = R"({"kind":"A","id":1,"x":")" + std::string(size, 'x') + "\",";
    CHECK(head(begin + R"("id":2})", refuse) == "A|");
    CHECK(head(begin + R"("\u0069d":2})", refuse) == "A|");
    CHECK(head(begin + R"("y":["id",{"id":3}],"z":"\"id\""})", refuse) == "A|1");
    CHECK(head(begin + R"("did":2,"idd":"id"})", refuse) == "A|1");
  }
  CHECK(head(R"({"kind":"A\n","kind":"B","id":2})", refuse) == "A\n|2");
  CHECK(head(R"({"kind":"A\n","kind":"B","id":2})", last) == "B|2");
  CHECK(head(R"({"id":2,"kind":"A","kind":"B"})", last) == "B|2");
  CHECK(kw::read_head(R"({"kind":"A","id":2,"kind":"B"})", "kind", "", last).kind() == "B");
  CHECK(kw::read_head(R"({"kind":"A","id":2,"kind":"B"})", "kind", "", first).kind() == "A");
}

TEST_CASE("a head is what the members say one by one, whatever they are") {
  struct written {
    std::string_view text;
    std::string_view means;
  };
  constexpr written names[] = {{R"("kind")", "kind"},       {R"("k\u0069nd")", "kind"}, {R"("id")", "id"},
                               {R"("\u0069\u0064")", "id"}, {R"("idd")", "idd"},        {R"("x")", "x"}};
  constexpr written kinds[] = {
      {R"("A")", "A"}, {R"("\u0042")", "B"}, {R"("id")", "id"}, {R"("\"id\"")", "\"id\""}};
  std::string const long_text = '"' + std::string(300, 'y') + '"';
  std::string_view const values[] = {"7",      R"("s")", "null", R"({"id":1,"kind":"C"})", R"(["id","kind"])",
                                     long_text};
  using enum kw::duplicate_policy;
  std::mt19937 random(20261125);
  auto const below = [&](std::size_t bound) { return random() % bound; };
  for (int round = 0; round < 20'000; ++round) {
    auto const policy = std::array{refuse, first, last}[below(3)];
    std::string text = "{";
    std::optional<std::string> kind;
    std::optional<std::string> id;
    bool again = false;
    std::size_t const count = below(7);
    for (std::size_t index = 0; index < count; ++index) {
      if (index != 0) text += below(2) == 0 ? "," : " , ";
      auto const& name = names[below(std::size(names))];
      auto const& of_kind = kinds[below(std::size(kinds))];
      bool const is_kind = name.means == "kind";
      std::string_view const value = is_kind ? of_kind.text : values[below(std::size(values))];
      text += std::string{name.text} + (below(2) == 0 ? ":" : " : ") + std::string{value};
      if (is_kind && (!kind || policy == last)) kind = of_kind.means;
      if (name.means != "id") continue;
      again |= id.has_value();
      if (!id || policy == last) id = value[0] == '7' || value[0] == '"' ? value : "";
    }
    text += '}';
    if (again && policy == refuse) id = "";
    kw::message_head const found = kw::read_head(text, "kind", "id", policy);
    CAPTURE(text);
    CHECK(found.kind() == kind.value_or(""));
    CHECK(found.id() == id.value_or(""));
  }
}

TEST_CASE("a first member is known by its value, and nothing behind it is looked at") {
  auto const is = [](std::string_view text) { return kw::detail::first_member_is(text, "ERROR"); };
  CHECK(is(*kw::to_json(kw::error_message{})));
  CHECK(is(R"({"kind":"ERROR"})"));
  CHECK(is(" {\n\"op\" : \"ERROR\" , "));
  CHECK(is(R"({"op":"ERR\u004FR",.)"));
  for (std::string_view const text :
       {"", "{", "{}", "[]", R"(["ERROR"])", R"({"op":"ERRORS"})", R"({"op":["ERROR"]})", R"({"op":ERROR})",
        R"({"op":"ERROR)", R"({"op","ERROR"})", R"({"id":1,"op":"ERROR"})", R"({"op":"\xERROR"})"}) {
    CAPTURE(text);
    CHECK(!is(text));
  }
}

}  // namespace head_tests
