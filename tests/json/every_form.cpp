// Every form that a value can have, at once: what is cut off, of another type or too deep is refused wherever
// it stands, with the path of the field that it stands in.
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace every_form_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct leaf {
  int x = 0;
  static constexpr auto schema = kw::kind("LEAF", kw::field("x", &leaf::x, kw::defaulted));
};
struct twig {
  static constexpr auto schema = kw::kind("TWIG");
};

struct tree {
  std::optional<std::vector<tree>> inner{};
  std::optional<std::tuple<int>> tuple{};
  std::optional<std::array<int, 1>> array{};
  std::optional<std::map<std::string, int>> map{};
  std::optional<leaf> object{};
  std::optional<std::variant<leaf, twig>> variant{};
  std::optional<kw::raw_json> raw{};
  static constexpr auto schema = kw::object(
      kw::field("inner", &tree::inner), kw::field("tuple", &tree::tuple), kw::field("array", &tree::array),
      kw::field("map", &tree::map), kw::field("object", &tree::object), kw::field("variant", &tree::variant),
      kw::field("raw", &tree::raw));
};

struct all_forms {
  bool boolean{};
  std::int16_t integer{};
  double floating{};
  std::string text{};
  std::string_view view{};
  std::optional<std::string> optional{};
  std::unique_ptr<int> pointer{};
  std::vector<std::string> list{};
  std::vector<bool> flags{};
  std::set<int> set{};
  std::multiset<int> multiset{};
  std::array<int, 2> array{};
  std::tuple<int, std::string> tuple{};
  std::map<std::string, int> map{};
  std::map<int, std::string> numbered{};
  std::chrono::milliseconds duration{};
  std::chrono::sys_time<std::chrono::seconds> time{};
  std::chrono::sys_time<std::chrono::seconds> since{};
  std::filesystem::path path{};
  std::uint64_t quoted{};
  std::variant<leaf, twig> variant{};
  leaf object{};
  kw::raw_json raw{};
  static constexpr auto schema =
      kw::kind("ALL", kw::field("boolean", &all_forms::boolean), kw::field("integer", &all_forms::integer),
               kw::field("floating", &all_forms::floating), kw::field("text", &all_forms::text),
               kw::field("view", &all_forms::view), kw::field("optional", &all_forms::optional),
               kw::field("pointer", &all_forms::pointer), kw::field("list", &all_forms::list),
               kw::field("flags", &all_forms::flags), kw::field("set", &all_forms::set),
               kw::field("multiset", &all_forms::multiset), kw::field("array", &all_forms::array),
               kw::field("tuple", &all_forms::tuple), kw::field("map", &all_forms::map),
               kw::field("numbered", &all_forms::numbered), kw::field("duration", &all_forms::duration),
               kw::field("time", &all_forms::time),
               kw::field("since", &all_forms::since, kw::unit<std::chrono::milliseconds>),
               kw::field("path", &all_forms::path), kw::field("quoted", &all_forms::quoted, kw::as_string),
               kw::field("variant", &all_forms::variant), kw::field("object", &all_forms::object),
               kw::field("raw", &all_forms::raw));
};

struct member {
  std::string_view name;
  std::string_view value;
};

constexpr member members[] = {{"boolean", "true"},
                              {"integer", "-12"},
                              {"floating", "1.5"},
                              {"text", "\"a\\n\xC3\xA9\""},
                              {"view", R"("plain")"},
                              {"optional", R"("there")"},
                              {"pointer", "7"},
                              {"list", R"(["a","b"])"},
                              {"flags", "[true,false]"},
                              {"set", "[1,2]"},
                              {"multiset", "[1,1]"},
                              {"array", "[1,2]"},
                              {"tuple", R"([1,"x"])"},
                              {"map", R"({"a":1,"b":2})"},
                              {"numbered", R"({"1":"one","2":"two"})"},
                              {"duration", "1500"},
                              {"time", R"("2026-11-29T07:10:00Z")"},
                              {"since", "0"},
                              {"path", R"("/tmp/x")"},
                              {"quoted", R"("18446744073709551615")"},
                              {"variant", R"({"kind":"LEAF","x":3})"},
                              {"object", R"({"kind":"LEAF","x":4})"},
                              {"raw", R"([null,{"a":1}])"}};

// The message, with another value in place of one.
std::string compose(std::string_view changed = {}, std::string_view value = {}) {
  std::string text = R"({"kind":"ALL")";
  for (auto const& each : members) {
    text += ",\"" + std::string{each.name} + "\":" + std::string{each.name == changed ? value : each.value};
  }
  return text + '}';
}

}  // namespace

TEST_CASE("a message of every form comes back as it was") {
  std::string const text = compose();
  auto const value = kw::decode<all_forms>(text);
  REQUIRE(value);
  CHECK(*kw::to_json(*value) == text);
}

TEST_CASE("a message that is cut off anywhere ends too early") {
  std::string const text = compose();
  CHECK(kw::decode<all_forms>("").error().code == json_errc::truncated);
  for (std::size_t size = 1; size != text.size(); ++size) {
    std::vector<char> const bytes(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    auto const result = kw::decode<all_forms>(std::string_view{bytes.data(), bytes.size()});
    CAPTURE(size);
    REQUIRE(!result);
    // Half a letter is no letter, whatever might have come.
    bool const in_letter = text[size - 1] == '\xC3';
    CHECK(result.error().code == (in_letter ? json_errc::invalid_utf8 : json_errc::truncated));
    CHECK(result.error().offset == (in_letter ? size - 1 : size));
  }
}

TEST_CASE("a value of another type or form is refused at its path") {
  int refused = 0;
  for (auto const& each : members) {
    for (std::string_view const value : {"null",
                                         "false",
                                         "0",
                                         "1e30",
                                         "-1.5",
                                         R"("")",
                                         R"("\ud800")",
                                         "\"\x01\"",
                                         "\"\xFF\"",
                                         R"("\x")",
                                         "[]",
                                         "[null]",
                                         R"(["a",7])",
                                         R"([1,"x",2])",
                                         "{}",
                                         R"({"a":null})",
                                         R"({"\ud800":1})",
                                         R"({"x":1})",
                                         R"({"kind":7})",
                                         R"({"kind":"OAK"})",
                                         "[",
                                         "nul",
                                         "-",
                                         "]",
                                         ",",
                                         "{\"a\" 1}",
                                         "[1 2]",
                                         "[[[[]]]]"}) {
      std::string const text = compose(each.name, value);
      CAPTURE(text);
      auto const result = kw::decode<all_forms>(text);
      if (result) continue;
      ++refused;
      auto const& error = result.error();
      std::string const path = '/' + std::string{each.name};
      std::size_t const begin = text.find(",\"" + std::string{each.name}) + 1;
      CHECK((error.path.starts_with(path) || error.path.empty()));
      CHECK(error.offset >= begin);
      if (error.code != json_errc::malformed) CHECK(error.path.starts_with(path));
    }
  }
  CHECK(refused > 500);
}

TEST_CASE("what is too deep is neither read nor written, in every form") {
  auto const check = [](auto fill, std::string_view name, std::string_view text) {
    CAPTURE(name);
    // A list around it, so that the innermost is the 64th level.
    std::vector<tree> trees(1);
    tree* innermost = &trees[0];
    std::string whole = "[{";
    for (int level = 2; level != 64; level += 2) {
      innermost = &innermost->inner.emplace(1)[0];
      whole += R"("inner":[{)";
    }
    CHECK(kw::to_json(trees));
    fill(*innermost);
    auto const written = kw::to_json(trees);
    REQUIRE(!written);
    CHECK(written.error().code == json_errc::too_deep);
    CHECK(written.error().path.ends_with('/' + std::string{name}));
    whole += '"' + std::string{name} + "\":" + std::string{text};
    for (int level = 64; level != 0; level -= 2) whole += "}]";
    auto const read = kw::decode<std::vector<tree>>(whole);
    REQUIRE(!read);
    CHECK(read.error().code == json_errc::too_deep);
    CHECK(read.error().path.ends_with('/' + std::string{name}));
  };
  check([](tree& of) { of.inner.emplace(1); }, "inner", "[{}]");
  check([](tree& of) { of.tuple.emplace(); }, "tuple", "[1]");
  check([](tree& of) { of.array.emplace(); }, "array", "[1]");
  check([](tree& of) { of.map.emplace(); }, "map", "{}");
  check([](tree& of) { of.object.emplace(); }, "object", R"({"kind":"LEAF"})");
  check([](tree& of) { of.variant.emplace(); }, "variant", R"({"kind":"LEAF"})");
  check([](tree& of) { of.raw.emplace().text = "[]"; }, "raw", "[]");
}

TEST_CASE("what cannot be written is told with its path, in every form") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  auto const path = [](auto const& value) {
    auto const written = kw::to_json(value);
    REQUIRE(!written);
    return written.error().path;
  };
  CHECK(path(std::vector<double>{1, nan}) == "/1");
  CHECK(path(std::array<double, 2>{nan, 1}) == "/0");
  CHECK(path(std::tuple<int, double>{1, nan}) == "/1");
  CHECK(path(std::map<std::string, double>{{"a", 1}, {"b", nan}}) == "/b");
  CHECK(path(std::map<int, double>{{-3, nan}}) == "/-3");
  CHECK(path(std::map<std::string, int>{{"\xFF", 1}}) == R"(/\xff)");
  CHECK(path(std::optional<double>{nan}).empty());
  CHECK(path(std::vector<kw::raw_json>{{"1"}, {"1 2"}, {"[1"}}) == "/1");
}

}  // namespace every_form_tests
