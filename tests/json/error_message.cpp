#include <kindwire/json/error_message.hpp>

#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/message/utf8.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace kw = kindwire;

namespace {
struct move {
  int x;
  static constexpr auto schema = kw::kind("MOVE", kw::field("x", &move::x));
};

enum class side { left };

// Refuses all, in the sender's own words.
struct picky {
  std::string text;
};

}  // namespace

template <>
inline constexpr auto kindwire::schema<side> = kw::enumeration(kw::enumerator("LEFT", side::left));

template <>
struct kindwire::json_codec<picky> {
  static bool read(json_reader& reader, picky& value) {
    return reader.read(value.text) && reader.reject("something else than " + value.text);
  }
  static bool write(json_writer& writer, picky const& value) {
    return writer.reject("something else than " + value.text);
  }
};

namespace {

struct job {
  std::map<std::string, job> parts;
  std::map<std::string, side> sides;
  std::vector<std::variant<move>> moves;
  std::vector<picky> refused;
  std::string_view view;
  std::string name;
  static constexpr auto schema = kw::kind(
      "JOB", kw::field("parts", &job::parts, kw::defaulted), kw::field("sides", &job::sides, kw::defaulted),
      kw::field("moves", &job::moves, kw::defaulted), kw::field("refused", &job::refused, kw::defaulted),
      kw::field("view", &job::view, kw::defaulted),
      kw::field("name", &job::name, kw::defaulted, kw::max_length(3)));
};

void check(kw::json_error const& error) {
  CHECK(kw::is_utf8(error.path));
  CHECK(kw::is_utf8(error.found));
  CHECK(error.found.size() <= 64);
  CHECK(kw::is_utf8(error.message()));
  CHECK(kw::to_json(kw::to_message(error)));
}

}  // namespace

TEST_CASE("an error is a message that says what was wrong where") {
  kw::dispatcher const on{[](move) {}};
  CHECK(
      *kw::to_json(kw::to_message(on(R"({"kind":"MOVES"})").error())) ==
      R"({"kind":"ERROR","code":"unknown_kind","path":"/kind","message":"unknown kind \"MOVES\"; did you mean \"MOVE\"?"})");
  CHECK(
      *kw::to_json(kw::to_message(on(R"({"kind":"MOVE","x":1.5})").error())) ==
      R"({"kind":"ERROR","code":"wrong_type","path":"/x","message":"field \"x\": expected an integer, found 1.5"})");
  CHECK(kw::decode<kw::error_message>(R"({"kind":"ERROR","code":"busy"})")->code == "busy");
}

TEST_CASE("each code is spelt, and no two alike") {
  std::set<std::string_view> spellings;
  std::string const none = std::error_code{0, kw::json_category()}.message();
  int code = 1;
  for (; std::error_code{code, kw::json_category()}.message() != none; ++code) {
    std::string_view const spelling = kw::to_string(static_cast<kw::json_errc>(code));
    CHECK(spelling != "invalid");
    CHECK(spellings.insert(spelling).second);
  }
  CHECK(code > 19);
  CHECK(kw::to_string(static_cast<kw::json_errc>(code)) == "invalid");
}

TEST_CASE("whatever was sent, the answer to it can be sent") {
  std::mt19937 random{11};
  auto const pick = [&](auto const& pool) { return std::string{pool[random() % std::size(pool)]}; };
  // Characters of all sizes, escapes of such, and what is neither.
  constexpr std::string_view letters[] = {
      "a",     "/",     "~",     "\u00e9", "\U0001F40E", R"(\ud83d\udc0e)",
      R"(\n)", R"(\")", R"(\\)", "\u009b", "\u2028",     R"(\u0000)"};
  constexpr std::string_view broken[] = {"\xFF",      "\xC3",  "\xED\xA0\x80", "\x80",
                                         R"(\ud83d)", R"(\x)", "\n",           ""};
  auto const text = [&] {
    std::string out = "\"";
    for (auto left = random() % 80; left != 0; --left) out += pick(letters);
    if (random() % 8 == 0) out += pick(broken);
    return out + '"';
  };
  auto const member = [&](std::string const& name, std::string const& value) { return name + ':' + value; };
  kw::dispatcher const on{[](job const&) {}, [](move) {}};
  kw::dispatcher const strict{kw::json_options{.refuse_unknown_fields = true}, [](job const&) {},
                              [](move) {}};
  kw::dynamic_dispatcher<void()> at_run_time;
  at_run_time.add([](job const&) {});
  at_run_time.add("\xFF\xC3", [](kw::raw_message) {});
  std::set<kw::json_errc> codes;
  for (int round = 0; round != 20'000; ++round) {
    std::string inside;
    switch (random() % 8) {
      case 0: inside = member("\"sides\"", '{' + member(text(), text()) + '}'); break;
      case 1: inside = member("\"parts\"", '{' + member(text(), R"({"kind":)" + text() + "}}")); break;
      case 2: {
        std::string const name = text();
        inside = member("\"parts\"", '{' + member(name, R"({"kind":"JOB"},)") + member(name, "{}}"));
        break;
      }
      case 3: inside = member("\"moves\"", R"([{"kind":)" + text() + "}]"); break;
      case 4: inside = member("\"refused\"", '[' + text() + ']'); break;
      case 5: inside = member(pick(std::array{"\"name\"", "\"view\""}), text()); break;
      case 6: inside = member(text(), text()); break;
      default: inside = member("\"parts\"", '{' + member(text(), "\xC3") + '}');
    }
    std::string whole = R"({"kind":)" + (random() % 4 == 0 ? text() : R"("JOB")") + ',' + inside + '}';
    if (random() % 8 == 0) whole[random() % whole.size()] = static_cast<char>(random());
    CAPTURE(whole);
    for (auto const& outcome : {on(whole), strict(whole), at_run_time(whole)}) {
      if (outcome) continue;
      check(outcome.error());
      codes.insert(outcome.error().code);
    }
  }
  CHECK(codes.size() >= 12);
}

TEST_CASE("whatever was to be sent, the error is text") {
  for (std::string const bad : {"\xFF", "a\xC3", "\xF0\x9F"}) {
    job value;
    value.name = bad;
    check(kw::encode(value, value.name).error());
    value = {};
    value.parts[bad];
    check(kw::encode(value, value.name).error());
    value = {};
    value.sides[bad + std::string(80, '\xC3')] = side::left;
    check(kw::encode(value, value.name).error());
    value = {};
    value.refused.push_back({bad});
    check(kw::encode(value, value.name).error());
  }
}
