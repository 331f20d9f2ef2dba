#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/rapidjson.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace rapidjson_values_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct circle {
  double radius = 0;
  static constexpr auto schema = kw::kind("CIRCLE", kw::field("radius", &circle::radius, kw::minimum(0)));
};
struct square {
  float side = 0;
  static constexpr auto schema = kw::kind("SQUARE", kw::field("side", &square::side));
};
struct part {
  std::int32_t id = 0;
  std::optional<std::string> label;
  static constexpr auto schema = kw::object(kw::field("id", &part::id), kw::field("label", &part::label));
};

struct everything {
  std::uint8_t small = 0;
  std::int64_t large = 0;
  std::uint64_t huge = 0;
  double real = 0;
  bool yes = false;
  std::string name;
  std::optional<int> maybe;
  std::vector<part> parts;
  std::array<int, 2> pair{};
  std::tuple<int, std::string> mixed;
  std::map<std::string, double> weights;
  std::variant<circle, square> shape;
  std::uint64_t quoted = 0;

  static constexpr auto schema = kw::kind(
      "EVERYTHING", kw::field("small", &everything::small), kw::field("large", &everything::large),
      kw::field("huge", &everything::huge, kw::defaulted),
      kw::field("real", &everything::real, kw::maximum(1e300)), kw::field("yes", &everything::yes),
      kw::field("name", &everything::name, kw::max_length(8)), kw::field("maybe", &everything::maybe),
      kw::field("parts", &everything::parts, kw::max_items(2)), kw::field("pair", &everything::pair),
      kw::field("mixed", &everything::mixed, kw::defaulted),
      kw::field("weights", &everything::weights, kw::defaulted), kw::field("shape", &everything::shape),
      kw::field("quoted", &everything::quoted, kw::as_string, kw::defaulted));
};

// Mostly what the fields are, and now and then something else. What a document cannot tell is left out: the
// sign of an integer that is zero (-0), what a double rounds of numbers with a fraction or an exponent
// (1e-400, which is no integer, is 0.0) and of integers beyond 64 bits, and members that stand twice, which
// no document has.
class message_maker {
 public:
  std::string message() {
    std::vector<std::pair<std::string, std::string>> fields{
        {"kind", likely(R"("EVERYTHING")")},
        {"small", likely(std::to_string(source_() % 256))},
        {"large", number()},
        {"huge", number()},
        {"real", number()},
        {"yes", likely("true")},
        {"name", likely(text())},
        {"maybe", likely(pick({"null", "3", "-4"}))},
        {"parts", likely(list(part_value()))},
        {"pair", likely("[" + number() + "," + (chance(10) ? "3,4]" : "1]"))},
        {"mixed", likely("[" + number() + "," + text() + "]")},
        {"weights", likely(R"({"a":)" + number() + R"(,"b\n\u00e9":)" + number() + "}")},
        {"shape", likely(shape())},
        {"quoted", chance(10) ? pick({R"("x")", "7"}) : pick({R"("18446744073709551615")", R"("7")"})}};
    if (chance(4)) fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(source_() % fields.size()));
    if (chance(4)) fields.push_back({"unknown", any()});
    if (chance(2)) std::shuffle(fields.begin(), fields.end(), source_);
    std::string out = "{";
    for (auto const& [name, value] : fields) out += (out.size() == 1 ? "\"" : ", \"") + name + "\": " + value;
    return out + "}";
  }

 private:
  bool chance(unsigned of) { return source_() % of == 0; }
  std::string pick(std::vector<std::string> const& from) { return from[source_() % from.size()]; }
  std::string number() {
    if (chance(200)) return any();
    return chance(10)
               ? pick({"0", "255", "256", "1.0", "1e2", "-1", "2.5e2", "12e-1", "9007199254740993",
                       "9223372036854775807", "9223372036854775808", "18446744073709551615",
                       "18446744073709551616", "-9223372036854775808", "1e19", "1e301", "-0.0", "1e-300"})
               : std::to_string(source_() % 200);
  }
  std::string text() {
    return pick({R"("a")", R"("caf\u00e9")", R"("\ud83d\ude00\t\"\\\/")", R"("123456789")", "\"\xC3\xA9\""});
  }
  std::string any() {
    return pick(
        {"null", "true", "\"x\"", "[]", "{}", "[1,[2,{}]]", R"({"a":{"b":null}})", "-7", "0.5", "1e300"});
  }
  std::string likely(std::string value) { return chance(20) ? any() : value; }
  std::string list(std::string const& value) {
    if (chance(10)) return "[" + value + "," + value + ",{}]";
    return pick({"[]", "[" + value + "]", "[" + value + "," + value + "]"});
  }
  std::string part_value() {
    return R"({"id":)" + number() + pick({"", R"(,"label":"x")", R"(,"label":null)"}) + "}";
  }
  std::string shape() {
    if (chance(10))
      return pick(
          {R"({"radius":-1,"kind":"CIRCLE"})", R"({"kind":"SQUARE","side":1e39})", R"({"kind":"OTHER"})"});
    return pick({R"({"kind":"CIRCLE","radius":1.5})", R"({"side":0.1,"kind":"SQUARE"})"});
  }

  std::mt19937 source_{20261129};
};

template <class Outcome>
std::string told(Outcome const& outcome) {
  if (outcome) return *kw::to_json(*outcome);
  auto const& error = outcome.error();
  return std::to_string(static_cast<int>(error.code)) + ' ' + error.path + ' ' + error.expected;
}

struct holder {
  rapidjson::Document any;
  std::optional<rapidjson::Document> maybe;
  std::vector<rapidjson::Document> list;
  std::map<std::string, rapidjson::Document> by_name;
  std::unique_ptr<rapidjson::Document> far;
  static constexpr auto schema =
      kw::kind("HOLDER", kw::field("any", &holder::any), kw::field("maybe", &holder::maybe),
               kw::field("list", &holder::list, kw::defaulted),
               kw::field("by_name", &holder::by_name, kw::defaulted), kw::field("far", &holder::far));
};

}  // namespace

TEST_CASE("rapidjson: a document decodes as its text does, error for error") {
  message_maker maker;
  int good = 0;
  int bad = 0;
  for (int round = 0; round != 20'000; ++round) {
    std::string const text = maker.message();
    auto const document = kw::decode<rapidjson::Document>(text);
    if (!document) continue;  // no JSON
    CAPTURE(text);
    for (bool const refuse : {false, true}) {
      kw::json_options const options{.refuse_unknown_fields = refuse};
      auto const by_text = kw::decode<everything>(text, options);
      CHECK(told(kw::decode<everything>(*document, options)) == told(by_text));
      kw::dispatcher const on{options, [](everything const& e) { return *kw::to_json(e); },
                              [](circle const&) { return std::string{}; }};
      auto const called = on(*document);
      auto const called_by_text = on(text);
      REQUIRE(static_cast<bool>(called) == static_cast<bool>(called_by_text));
      if (called) {
        CHECK(*called == *called_by_text);
      } else {
        CHECK(called.error().code == called_by_text.error().code);
        CHECK(called.error().path == called_by_text.error().path);
      }
      ++(by_text ? good : bad);
    }
  }
  CHECK(good > 2000);
  CHECK(bad > 2000);
}

TEST_CASE("rapidjson: any document is the same when it is written and read again") {
  std::mt19937_64 source{7};
  for (int round = 0; round != 2000; ++round) {
    rapidjson::Document made;
    made.SetArray();
    auto& memory = made.GetAllocator();
    for (int i = 0; i != 8; ++i) {
      std::uint64_t const bits = source();
      double real = 0;
      std::memcpy(&real, &bits, sizeof real);
      if (!std::isfinite(real)) real = static_cast<double>(bits % 1'000'000);
      rapidjson::Value object(rapidjson::kObjectType);
      std::string const name(static_cast<std::size_t>(bits % 40), static_cast<char>('a' + bits % 26));
      object.AddMember(rapidjson::Value(name.c_str(), memory), rapidjson::Value(real), memory);
      object.AddMember("u", rapidjson::Value(bits >> (bits % 64)), memory);
      object.AddMember("i", rapidjson::Value(static_cast<std::int64_t>(bits)), memory);
      made.PushBack(object, memory);
    }
    auto const text = kw::to_json(made);
    REQUIRE(text);
    auto const again = kw::decode<rapidjson::Document>(*text);
    if (!again) {
      CHECK(again.error().code == json_errc::duplicate_field);  // a name that is "u" or "i"
      continue;
    }
    for (rapidjson::SizeType i = 0; i != made.Size(); ++i) {
      auto const& one = made[i];
      auto const& other = (*again)[i];
      CHECK(other.MemberBegin()->value.IsDouble());
      CHECK(one.MemberBegin()->value.GetDouble() == other.MemberBegin()->value.GetDouble());
      CHECK(one["u"].GetUint64() == other["u"].GetUint64());
      CHECK(one["i"].GetInt64() == other["i"].GetInt64());
    }
    CHECK(*kw::to_json(*again) == *text);
  }
}

TEST_CASE("rapidjson: what no JSON can be made of is an error with its path") {
  auto const wrong = [](auto const& fill) {
    rapidjson::Document document(rapidjson::kObjectType);
    rapidjson::Value inside(rapidjson::kArrayType);
    inside.PushBack(1, document.GetAllocator());
    rapidjson::Value last;
    fill(last, document.GetAllocator());
    inside.PushBack(last, document.GetAllocator());
    document.AddMember("a", inside, document.GetAllocator());
    auto const text = kw::to_json(document);
    REQUIRE(!text);
    CHECK(kw::decode<holder>(document).error().code == text.error().code);
    auto const value = kw::to_value(document, document.GetAllocator());
    CHECK(value.error().code == text.error().code);
    return text.error();
  };
  auto const nan = wrong([](auto& to, auto&) { to.SetDouble(std::numeric_limits<double>::quiet_NaN()); });
  CHECK(nan.code == json_errc::not_finite);
  CHECK(nan.path == "/a/1");
  CHECK(wrong([](auto& to, auto&) { to.SetDouble(-INFINITY); }).code == json_errc::not_finite);
  CHECK(wrong([](auto& to, auto& memory) { to.SetString("\xFF", memory); }).code == json_errc::invalid_utf8);
  auto const name = wrong([](auto& to, auto& memory) {
    to.SetObject();
    to.AddMember("\xC3", 1, memory);
  });
  CHECK(name.code == json_errc::invalid_utf8);
  CHECK(name.path == "/a/1/\\xc3");
  CHECK(wrong([](auto& to, auto& memory) {
          for (int depth = 0; depth != 1000; ++depth) {
            rapidjson::Value outer(rapidjson::kArrayType);
            outer.PushBack(to, memory);
            to.Swap(outer);
          }
        }).code == json_errc::too_deep);
}

TEST_CASE("rapidjson: values are made of described ones") {
  rapidjson::Document document;
  auto& memory = document.GetAllocator();
  auto const value = kw::to_value(circle{1}, memory);
  REQUIRE(value);
  CHECK(std::string_view{(*value)["kind"].GetString()} == "CIRCLE");
  CHECK((*value)["radius"].GetDouble() == 1);
  CHECK(kw::decode<circle>(*value)->radius == 1);
  CHECK(kw::to_value(circle{-1}, memory).error().path == "/radius");
  CHECK(kw::to_value(std::vector<int>{1, 2}, memory)->Size() == 2);
  CHECK(kw::to_value(std::string(100, 'x'), memory)->GetStringLength() == 100);

  rapidjson::CrtAllocator heap;
  auto const on_heap = kw::to_value(circle{2}, heap);
  CHECK(kw::decode<circle>(*on_heap)->radius == 2);

  circle into{5};
  CHECK(kw::decode(*on_heap, into));
  CHECK(into.radius == 2);
  CHECK(!kw::decode(rapidjson::Value{}, into));
  CHECK(into.radius == 2);
}

TEST_CASE("rapidjson: a field that is a document holds any JSON") {
  std::string const text =
      R"({"kind":"HOLDER","any":{"a":[1,2.5,null]},"maybe":"x","list":[1,[],{"b":true}],"by_name":{"k":-1},"far":{"z":0.1}})";
  auto const got = kw::decode<holder>(text);
  REQUIRE(got);
  CHECK(got->any["a"][1].GetDouble() == 2.5);
  CHECK(got->list.size() == 3);
  CHECK(got->list[2]["b"].GetBool());
  CHECK(got->by_name.at("k").GetInt() == -1);
  CHECK(*kw::to_json(*got) == text);

  // Null is one, but in an optional.
  auto const empty = kw::decode<holder>(R"({"kind":"HOLDER","any":null,"maybe":null})");
  REQUIRE(empty);
  CHECK(empty->any.IsNull());
  CHECK(!empty->maybe);
  CHECK(*kw::to_json(*empty) == R"({"kind":"HOLDER","any":null,"list":[],"by_name":{}})");

  CHECK(kw::decode<holder>(R"({"kind":"HOLDER"})").error().code == json_errc::missing_field);
  CHECK(kw::decode<holder>(R"({"kind":"HOLDER","any":{"a":[{"b":1,"b":2}]}})").error().path == "/any/a/0/b");
  CHECK(kw::decode<holder>(R"({"kind":"HOLDER","any":1,"list":[0,1e999]})").error().path == "/list/1");
  CHECK(kw::decode<holder>(R"({"x":{},"kind":"HOLDER","y":1,"any":{"x":{"y":1}},"z":1})"));
  CHECK(kw::decode<holder>(R"({"x":{},"kind":"HOLDER","y":1,"any":{"x":{"y":1}},"x":1})").error().path ==
        "/x");

  // What is read into gets a document of its own: what shares the memory of the old one stays.
  kw::json_options const last{.duplicates = kw::duplicate_policy::last};
  CHECK(
      *kw::to_json(*kw::decode<holder>(R"({"kind":"HOLDER","any":{"a":"b"},"any":[{"x":1,"x":2}]})", last)) ==
      R"({"kind":"HOLDER","any":[{"x":2}],"list":[],"by_name":{}})");
  rapidjson::Document::AllocatorType memory;
  rapidjson::Document sharing(&memory);
  sharing.SetArray();
  rapidjson::Value stays("a text that is too long for a value itself", memory);
  kw::json_reader reader{R"({"a":1})"};
  CHECK(reader.read(sharing));
  CHECK(sharing["a"].GetInt() == 1);
  CHECK(std::string_view{stays.GetString()} == "a text that is too long for a value itself");
}

TEST_CASE("rapidjson: documents for others say that such a field is anything") {
  std::string const schema = kw::json_schema<holder>();
  std::string const types = kw::typescript<holder>();
  CAPTURE(schema);
  CAPTURE(types);
  CHECK(schema.find(R"("any": {})") != std::string::npos);
  CHECK(types.find("any: unknown") != std::string::npos);
  CHECK(types.find("list?: unknown[];") != std::string::npos);
  CHECK(kw::typescript<circle, holder>().find("CIRCLE") != std::string::npos);
}

TEST_CASE("rapidjson: views point into the text that a dispatcher makes, during the call") {
  rapidjson::Document document;
  document.Parse(R"({"kind":"RAW","text":"long enough to be no part of the value itself"})");
  std::string seen;
  kw::dispatcher const on{kw::on_kind("RAW", [&](kw::raw_message m) { seen = m.text; }),
                          [](circle const&) {}};
  CHECK(on(document));
  CHECK(seen == R"({"kind":"RAW","text":"long enough to be no part of the value itself"})");
  CHECK(on.apply([] { return 1; }, document));
  CHECK(on(document["text"]).error().code == json_errc::wrong_type);
  document.Parse(R"({"text":false})");
  CHECK(on(document).error().code == json_errc::missing_kind);
  CHECK(kw::detail::kind_in<rapidjson::Value>(document, "kind").empty());
}

}  // namespace rapidjson_values_tests
