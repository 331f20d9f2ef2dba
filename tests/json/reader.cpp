#include <kindwire/json/reader.hpp>

#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <doctest/doctest.h>

namespace kw = kindwire;
using kw::json_errc;

namespace {

template <class T>
struct holder {
  T value{};
  static constexpr auto schema = kw::object(kw::field("value", &holder::value));
};

// Decodes `{"value":…}`, from a heap copy so that a sanitizer sees what is read past its end.
template <class T>
kw::outcome<holder<T>> decode_value(std::string_view value) {
  std::string const text = "{\"value\":" + std::string{value} + "}";
  return kw::decode<holder<T>>(text);
}

template <class T>
json_errc error_of(std::string_view value) {
  auto const result = decode_value<T>(value);
  return result ? json_errc{} : result.error().code;
}

struct progress {
  double value = 0;
  static constexpr auto schema = kw::kind("PROGRESS", kw::field("value", &progress::value));
};

struct item {
  int id = 0;
  std::string name{};
  static constexpr auto schema = kw::object(kw::field("id", &item::id), kw::field("name", &item::name));
};

struct order {
  std::vector<item> items;
  std::map<std::string, item> by_name;
  std::optional<std::string> note;
  int retries = 3;
  static constexpr auto schema = kw::kind(
      "ORDER", kw::field("items", &order::items), kw::field("by_name", &order::by_name, kw::defaulted),
      kw::field("note", &order::note), kw::field("retries", &order::retries, kw::defaulted));
};

struct tree {
  std::vector<tree> children;
  static constexpr auto schema = kw::object(kw::field("children", &tree::children, kw::defaulted));
};

enum class color { red, green };

struct minutes {
  int count = 0;
};

struct draft {
  item first{1, "one"};
  std::array<item, 2> pair{};
  std::optional<int> limit = 10;
  std::optional<std::string> note{};
  std::vector<int> list{};
  int retries = 3;
  static constexpr auto schema = kw::object(
      kw::field("first", &draft::first, kw::defaulted), kw::field("pair", &draft::pair, kw::defaulted),
      kw::field("limit", &draft::limit), kw::field("note", &draft::note),
      kw::field("list", &draft::list, kw::defaulted), kw::field("retries", &draft::retries, kw::defaulted));
};

template <class T>
void check_integer_range() {
  using limits = std::numeric_limits<T>;
  CHECK(decode_value<T>(std::to_string(limits::min()))->value == limits::min());
  CHECK(decode_value<T>(std::to_string(limits::max()))->value == limits::max());
  CHECK(decode_value<T>("-0")->value == 0);
  // One more than the largest, one less than the lowest: in decimal, where nothing can overflow.
  auto const beyond = [](std::string digits) {
    digits.insert(digits.front() == '-' ? 1 : 0, 1, '0');
    std::size_t at = digits.size() - 1;
    while (digits[at] == '9') digits[at--] = '0';
    ++digits[at];
    std::size_t const first = digits.front() == '-' ? 1 : 0;
    if (digits[first] == '0') digits.erase(first, 1);
    return digits;
  };
  CHECK(error_of<T>(beyond(std::to_string(limits::max()))) == json_errc::out_of_range);
  CHECK(error_of<T>(std::is_signed_v<T> ? beyond(std::to_string(limits::min())) : "-1") ==
        json_errc::out_of_range);
  CHECK(error_of<T>("99999999999999999999999999") == json_errc::out_of_range);
  CHECK(error_of<T>("-99999999999999999999999999") == json_errc::out_of_range);
  // As JSON Schema has it, an integer may be written like this.
  CHECK(decode_value<T>("1.0")->value == 1);
  CHECK(decode_value<T>("1.2e1")->value == 12);
  CHECK(decode_value<T>("-0.0")->value == 0);
  CHECK(error_of<T>("1e30") == json_errc::out_of_range);
  CHECK(error_of<T>(std::to_string(limits::max()) + ".0e1") == json_errc::out_of_range);
  CHECK(decode_value<T>(std::to_string(limits::max()) + ".0")->value == limits::max());
  CHECK(decode_value<T>(std::to_string(limits::min()) + ".0e0")->value == limits::min());
  for (char const* const fraction : {"1.5", "-0.5", "10e-2", "1e-400"}) {
    CHECK(error_of<T>(fraction) == json_errc::wrong_type);
  }
  for (char const* const other : {"\"1\"", "true", "null", "[]", "{}"}) {
    CHECK(error_of<T>(other) == json_errc::wrong_type);
  }
}

}  // namespace

template <>
inline constexpr auto kw::schema<color> = kw::enumeration(kw::enumerator("red", color::red),
                                                          kw::enumerator("green", color::green),
                                                          kw::enumerator("vert", color::green));

template <>
struct kw::json_codec<minutes> {
  static bool read(kw::json_reader& reader, minutes& value) {
    if (!reader.read(value.count)) return false;
    return value.count < 60 || reader.reject("less than 60");
  }
};

TEST_CASE("integers of every width are exact and checked") {
  check_integer_range<std::int8_t>();
  check_integer_range<std::uint8_t>();
  check_integer_range<std::int16_t>();
  check_integer_range<std::uint16_t>();
  check_integer_range<std::int32_t>();
  check_integer_range<std::uint32_t>();
  check_integer_range<std::int64_t>();
  check_integer_range<std::uint64_t>();
  check_integer_range<long>();
  check_integer_range<unsigned long long>();
}

TEST_CASE("a number out of range says which range") {
  CHECK(decode_value<std::uint8_t>("300").error().message() ==
        R"(field "value": expected an integer from 0 to 255, found 300)");
}

TEST_CASE("doubles are what strtod makes of the same digits") {
  std::mt19937_64 random{7};
  for (int round = 0; round < 20'000; ++round) {
    std::string text = std::to_string(random() % 100'000'000) + "." + std::to_string(random());
    if (round % 2 == 0) text += "e" + std::to_string(static_cast<int>(random() % 660) - 330);
    double const wanted = std::strtod(text.c_str(), nullptr);
    auto const result = decode_value<double>(text);
    CAPTURE(text);
    if (std::isinf(wanted)) {
      REQUIRE(!result);
      REQUIRE(result.error().code == json_errc::out_of_range);
    } else {
      REQUIRE(result);
      REQUIRE(result->value == wanted);
    }
  }
}

TEST_CASE("floating point numbers at the edges") {
  CHECK(error_of<double>("1e400") == json_errc::out_of_range);
  CHECK(error_of<double>("-1e400") == json_errc::out_of_range);
  CHECK(error_of<double>("1.7976931348623159e308") == json_errc::out_of_range);
  CHECK(decode_value<double>("1.7976931348623157e308")->value == std::numeric_limits<double>::max());
  CHECK(decode_value<double>("5e-324")->value == std::numeric_limits<double>::denorm_min());
  CHECK(decode_value<double>("1e-400")->value == 0.0);
  CHECK(std::signbit(decode_value<double>("-1e-400")->value));
  CHECK(std::signbit(decode_value<double>("-0")->value));
  CHECK(decode_value<double>("0e400")->value == 0.0);
  CHECK(decode_value<double>("0.0000000001e-2147483639")->value == 0.0);
  CHECK(decode_value<double>("9007199254740993")->value == 9007199254740992.0);
  CHECK(error_of<float>("1e39") == json_errc::out_of_range);
  CHECK(decode_value<float>("0.1")->value == 0.1F);
}

TEST_CASE("strings") {
  CHECK(decode_value<std::string>(R"("plain")")->value == "plain");
  CHECK(decode_value<std::string>(R"("a\u00e9\n")")->value == "a\xC3\xA9\n");
  CHECK(decode_value<std::string>(R"("")")->value.empty());
  CHECK(decode_value<std::string>(R"("\u0000")")->value == std::string(1, '\0'));
  CHECK(error_of<std::string>("1") == json_errc::wrong_type);
}

TEST_CASE("a view is a view into the text, or an error") {
  std::string const text = R"({"value":"plain é"})";
  auto const result = kw::decode<holder<std::string_view>>(text);
  REQUIRE(result);
  CHECK(result->value == "plain é");
  CHECK(result->value.data() == text.data() + 10);
  CHECK(error_of<std::string_view>(R"("a\n")") == json_errc::escaped_string);
  CHECK(error_of<std::string_view>(R"("a\x")") == json_errc::invalid_escape);
}

TEST_CASE("booleans, optionals, arrays, maps, enumerations") {
  CHECK(decode_value<bool>("true")->value);
  CHECK(!decode_value<bool>("false")->value);
  CHECK(error_of<bool>("1") == json_errc::wrong_type);
  CHECK(error_of<bool>("tru") == json_errc::malformed);

  CHECK(decode_value<std::optional<int>>("7")->value == 7);
  CHECK(!decode_value<std::optional<int>>("null")->value);
  CHECK(!kw::decode<holder<std::optional<int>>>("{}")->value);
  CHECK(error_of<std::optional<int>>("\"7\"") == json_errc::wrong_type);

  CHECK(decode_value<std::vector<int>>("[1, 2 ,3]")->value == std::vector{1, 2, 3});
  CHECK(decode_value<std::vector<bool>>("[true,false]")->value == std::vector{true, false});
  CHECK(decode_value<std::vector<int>>("[]")->value.empty());
  CHECK(error_of<std::vector<int>>("[1,]") == json_errc::malformed);
  CHECK(decode_value<std::vector<std::uint8_t>>("[1,2,300]").error().path == "/value/2");
  CHECK(decode_value<std::vector<std::uint8_t>>("[1,2").error().code == json_errc::malformed);

  CHECK(decode_value<std::array<int, 2>>("[1,2]")->value == std::array{1, 2});
  CHECK(error_of<std::array<int, 2>>("[1]") == json_errc::wrong_length);
  CHECK(error_of<std::array<int, 2>>("[1,2,3]") == json_errc::wrong_length);
  CHECK(error_of<std::array<int, 0>>("[]") == json_errc{});

  auto const map = decode_value<std::map<std::string, int>>(R"({"a":1,"b\n":2})");
  REQUIRE(map);
  CHECK(map->value == std::map<std::string, int>{{"a", 1}, {"b\n", 2}});
  CHECK(decode_value<std::unordered_map<std::string, int>>(R"({"a":1})")->value.at("a") == 1);
  auto const twice = decode_value<std::map<std::string, int>>(R"({"a":1,"a":2})");
  REQUIRE(!twice);
  CHECK(twice.error().message() == R"(duplicate field "value/a")");

  CHECK(decode_value<color>(R"("green")")->value == color::green);
  CHECK(decode_value<color>(R"("vert")")->value == color::green);
  CHECK(decode_value<color>(R"("gren")").error().message() ==
        R"(field "value": unknown value "gren"; did you mean "green"?)");
}

TEST_CASE("a type of one's own is read by its codec") {
  CHECK(decode_value<minutes>("59")->value.count == 59);
  CHECK(decode_value<minutes>("60").error().message() ==
        R"(field "value": value was rejected: expected less than 60)");
}

TEST_CASE("structs in structs, in any order, with unknown fields between") {
  auto const result = kw::decode<order>(
      R"( {"note":null,"x":[{"y":"\u00e9"}],"items":[{"name":"a","id":1},{"id":2,"name":"b","z":{}}],"kind":"ORDER",)"
      R"("by_name":{"c":{"id":3,"name":"c"}}} )");
  REQUIRE(result);
  CHECK(result->items.size() == 2);
  CHECK(result->items[1].name == "b");
  CHECK(result->by_name.at("c").id == 3);
  CHECK(!result->note);
  CHECK(result->retries == 3);
}

TEST_CASE("what is wrong is named with its place") {
  auto const message = [](std::string_view text) { return kw::decode<order>(text).error().message(); };
  CHECK(message(R"({"kind":"ORDER"})") == R"(missing field "items")");
  CHECK(message(R"({"kind":"ORDER","items":[{"id":1,"name":"a"},{"id":2}]})") ==
        R"(missing field "items/1/name")");
  CHECK(message(R"({"kind":"ORDER","items":[{"id":"1"}]})") ==
        R"(field "items/0/id": expected an integer, found a string)");
  CHECK(message(R"({"kind":"ORDER","items":[],"by_name":{"a/b":{"id":1.5}}})") ==
        R"(field "by_name/a~1b/id": expected an integer, found 1.5)");
  CHECK(message(R"({"kind":"ORDER","items":[],"items":[]})") == R"(duplicate field "items")");
  CHECK(message(R"({"kind":"OTHER"})") == R"(expected kind "ORDER", found "OTHER")");
  CHECK(message(R"({"items":[]})") == "message without a kind");
  CHECK(message(R"({"kind":7})") == R"(field "kind": expected a string, found a number)");
  CHECK(message(R"({"kind":"ORDER","kind":"ORDER"})") == R"(duplicate field "kind")");
  CHECK(message(R"([])") == "expected an object, found an array");
  CHECK(kw::decode<order>(R"({"kind":"ORDER","items":[{"id":true}]})").error().offset == 31);
}

TEST_CASE("unknown fields are refused on request, at every level") {
  kw::json_options const strict{.refuse_unknown_fields = true};
  auto const top = kw::decode<progress>(R"({"kind":"PROGRESS","value":1,"more":2})", strict);
  REQUIRE(!top);
  CHECK(top.error().message() == R"(unknown field "more")");
  auto const nested = kw::decode<order>(R"({"kind":"ORDER","items":[{"id":1,"name":"","x":2}]})", strict);
  REQUIRE(!nested);
  CHECK(nested.error().path == "/items/0/x");
}

TEST_CASE("every cut, and every bad end, gives one error") {
  std::string const text =
      R"({"kind":"ORDER","items":[{"id":1,"name":"a\n"},{"id":2,"name":"b"}],"by_name":{"c":{"id":3,"name":"c"}},"q":[1e5]})";
  REQUIRE(kw::decode<order>(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    std::vector<char> const part(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    auto const result = kw::decode<order>({part.data(), part.size()});
    REQUIRE(!result);
    CHECK(result.error().offset <= size);
    CHECK(!result.error().message().empty());
  }
  CHECK(kw::decode<order>(text + '\0').error().code == json_errc::trailing_data);
  CHECK(kw::decode<order>(text + text).error().code == json_errc::trailing_data);
  CHECK(kw::decode<order>(text + " \r\n\t"));
}

TEST_CASE("changed bytes never do more than give an error") {
  std::string const text =
      R"({"kind":"ORDER","items":[{"id":1,"name":"a\n\ud83d\ude00"}],"by_name":{"é":{"id":-3,"name":"c"}},"note":"x"})";
  std::mt19937 random{3};
  for (int round = 0; round < 20'000; ++round) {
    std::vector<char> bytes{text.begin(), text.end()};
    for (auto changes = 1 + random() % 4; changes != 0; --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    bytes.resize(random() % 4 == 0 ? random() % bytes.size() : bytes.size());
    bytes.shrink_to_fit();
    auto const result = kw::decode<order>({bytes.data(), bytes.size()});
    if (!result) CHECK(result.error().code != json_errc{});
  }
}

TEST_CASE("the user's own recursion is bounded too") {
  auto const nested = [](int levels) {
    std::string text = "{}";
    for (int level = 0; level < levels; ++level) text = R"({"children":[)" + text + "]}";
    return text;
  };
  CHECK(kw::decode<tree>(nested(31)));  // 63 levels
  auto const result = kw::decode<tree>(nested(40));
  REQUIRE(!result);
  CHECK(result.error().code == json_errc::too_deep);
  std::string deep = R"({"x":)" + std::string(std::size_t{1} << 20, '[');
  CHECK(kw::decode<tree>(deep).error().code == json_errc::too_deep);
  CHECK(kw::decode<tree>(std::string(std::size_t{1} << 20, '[')).error().code == json_errc::wrong_type);
}

TEST_CASE("depth is what the options say, up to what any stack holds") {
  auto const nested = [](unsigned levels) {
    std::string text;
    for (unsigned level = 1; level < levels; ++level) text += level % 2 == 1 ? R"({"children":[)" : "";
    std::string all = text + "{}";
    for (unsigned level = 1; level < levels; level += 2) all += "]}";
    return all;
  };
  auto const code = [](std::string const& text, unsigned levels) {
    auto const value = kw::decode<tree>(text, {.max_depth = levels});
    return value ? json_errc{} : value.error().code;
  };
  // An odd number of levels, as each child stands in an array.
  for (unsigned const levels : {1U, 3U, 63U, 65U, 129U, 511U}) {
    CAPTURE(levels);
    CHECK(code(nested(levels), levels) == json_errc{});
    CHECK(code(nested(levels), levels - 1) == json_errc::too_deep);
  }
  CHECK(code(nested(513), 513) == json_errc::too_deep);
  CHECK(code(nested(600'001), ~0U) == json_errc::too_deep);
  CHECK(code("{}", 0) == json_errc::too_deep);
  CHECK(kw::decode<tree>(nested(101), {.max_depth = 100})
            .error()
            .message()
            .ends_with(": expected at most 100 levels"));

  // Of what is skipped, too, and kept: brackets are told apart at each level.
  for (unsigned const levels : {64U, 65U, 128U, 129U, 200U, 512U}) {
    CAPTURE(levels);
    std::string opening;
    std::string closing;
    for (unsigned level = 0; level != levels; ++level) {
      bool const object = level % 3 == 1;
      opening += object ? R"({"a":)" : "[";
      closing.insert(0, 1, object ? '}' : ']');
    }
    std::string const text = opening + '1' + closing;
    CHECK(kw::decode<kw::raw_json>(text, {.max_depth = levels})->text == text);
    CHECK(kw::decode<kw::raw_json>(text, {.max_depth = levels - 1}).error().code == json_errc::too_deep);
    for (unsigned level = 0; level != levels; ++level) {
      std::string wrong = closing;
      wrong[level] = wrong[level] == ']' ? '}' : ']';
      CHECK(kw::decode<kw::raw_json>(opening + '1' + wrong, {.max_depth = levels}).error().code ==
            json_errc::malformed);
    }
  }
}

TEST_CASE("nothing is left of what a value held before") {
  draft held;
  held.first.name = "other";
  held.limit = 7;
  held.note = "old";
  held.list = {1, 2};
  held.retries = 9;
  auto const is_fresh = [](draft const& value) {
    return value.first.id == 1 && value.first.name == "one" && value.limit == 10 && !value.note &&
           value.list.empty() && value.retries == 3;
  };
  draft value = held;
  kw::json_reader reader{"{}"};
  REQUIRE(reader.read(value));
  CHECK(is_fresh(value));

  std::array<draft, 2> several{held, held};
  kw::json_reader in_array{R"([{"note":"new"},{}])"};
  REQUIRE(in_array.read(several));
  CHECK(several[0].note == "new");
  several[0].note.reset();
  CHECK(is_fresh(several[0]));
  CHECK(is_fresh(several[1]));

  // What is kept is memory.
  std::string text(100, 'x');
  std::size_t const room = text.capacity();
  kw::json_reader string_reader{R"("short")"};
  REQUIRE(string_reader.read(text));
  CHECK(text == "short");
  CHECK(text.capacity() == room);
}

TEST_CASE("a std::optional: absent is as its initialiser has it, null is empty") {
  CHECK(kw::decode<draft>("{}")->limit == 10);
  CHECK(kw::decode<draft>(R"({"limit":null})")->limit == std::nullopt);
  CHECK(kw::decode<draft>(R"({"limit":4})")->limit == 4);
}
