// decode(encode(x)) == x, for any x that can be expressed; and what becomes of such a text when it is spoilt.
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace kw = kindwire;

namespace {

enum class state { idle, busy };

}  // namespace

template <>
inline constexpr auto kw::schema<state> = kw::enumeration(kw::enumerator("idle", state::idle),
                                                          kw::enumerator("busy", state::busy));

namespace {

struct part {
  std::int64_t id = 0;
  std::optional<std::string> label{};
  std::optional<int> limit = 10;
  friend bool operator==(part const&, part const&) = default;
  static constexpr auto schema = kw::object(kw::field("id", &part::id), kw::field("label", &part::label),
                                            kw::field("limit", &part::limit));
};

struct circle {
  double radius = 0;
  friend bool operator==(circle const&, circle const&) = default;
  static constexpr auto schema =
      kw::kind("CIRCLE", kw::key("shape"), kw::field("radius", &circle::radius, kw::minimum(0)));
};

struct polygon {
  std::vector<std::array<float, 2>> points{};
  friend bool operator==(polygon const&, polygon const&) = default;
  static constexpr auto schema =
      kw::kind("POLYGON", kw::key("shape"), kw::field("points", &polygon::points, kw::max_items(3)));
};

using shape = std::variant<circle, polygon>;

struct numbers {
  std::int8_t i8 = 0;
  std::uint8_t u8 = 0;
  std::int16_t i16 = 0;
  std::uint16_t u16 = 0;
  std::int32_t i32 = 0;
  std::uint32_t u32 = 0;
  std::int64_t i64 = 0;
  std::uint64_t u64 = 0;
  float f32 = 0;
  double f64 = 0;
  int percent = 0;
  friend bool operator==(numbers const&, numbers const&) = default;
  static constexpr auto schema = kw::object(
      kw::field("i8", &numbers::i8), kw::field("u8", &numbers::u8), kw::field("i16", &numbers::i16),
      kw::field("u16", &numbers::u16), kw::field("i32", &numbers::i32), kw::field("u32", &numbers::u32),
      kw::field("i64", &numbers::i64), kw::field("u64", &numbers::u64), kw::field("f32", &numbers::f32),
      kw::field("f64", &numbers::f64),
      kw::field("percent", &numbers::percent, kw::minimum(0), kw::maximum(100)));
};

struct times {
  std::chrono::nanoseconds own{};
  std::chrono::duration<double> fraction{};
  std::chrono::milliseconds in_seconds{};  // a number with a fraction
  std::chrono::hours in_minutes{};
  std::optional<std::chrono::duration<std::uint16_t, std::deci>> perhaps{};
  friend bool operator==(times const&, times const&) = default;
  static constexpr auto schema =
      kw::object(kw::field("own", &times::own), kw::field("fraction", &times::fraction),
                 kw::field("in_seconds", &times::in_seconds, kw::unit<std::chrono::duration<double>>),
                 kw::field("in_minutes", &times::in_minutes, kw::unit<std::chrono::minutes>),
                 kw::field("perhaps", &times::perhaps));
};

struct whole {
  bool flag = false;
  std::vector<bool> flags{};
  numbers all{};
  times when{};
  std::string text{};
  std::string_view view{};
  state now = state::idle;
  std::vector<part> parts{};
  std::map<std::string, std::vector<double>> series{};
  std::unordered_map<std::string, shape> shapes{};
  std::array<std::string, 2> pair{};
  std::optional<part> extra{};
  shape form{};
  kw::raw_json raw{};
  kw::raw_json_view raw_view{};
  std::string limited = "a";
  friend bool operator==(whole const&, whole const&) = default;
  static constexpr auto schema = kw::kind(
      "WHOLE", kw::field("flag", &whole::flag), kw::field("flags", &whole::flags),
      kw::field("all", &whole::all), kw::field("when", &whole::when), kw::field("text", &whole::text),
      kw::field("view", &whole::view), kw::field("now", &whole::now), kw::field("parts", &whole::parts),
      kw::field("series", &whole::series), kw::field("shapes", &whole::shapes),
      kw::field("pair", &whole::pair), kw::field("extra", &whole::extra), kw::field("form", &whole::form),
      kw::field("raw", &whole::raw), kw::field("raw_view", &whole::raw_view),
      kw::field("limited", &whole::limited, kw::min_length(1), kw::max_length(8), kw::defaulted));
};

class generator {
 public:
  explicit generator(unsigned seed) : random_(seed) {}

  std::size_t up_to(std::size_t most) { return static_cast<std::size_t>(random_()) % (most + 1); }
  bool toss() { return up_to(1) == 0; }

  // Of any size, small ones as often as large ones.
  template <class Integer>
  Integer integer() {
    return static_cast<Integer>(static_cast<std::int64_t>(random_()) >> up_to(63));
  }

  // Any bits that are finite, or a short decimal.
  template <class Floating, class Bits>
  Floating floating() {
    if (toss())
      return static_cast<Floating>(integer<std::int32_t>()) / static_cast<Floating>(toss() ? 8 : 1000);
    for (;;) {
      auto const value = std::bit_cast<Floating>(static_cast<Bits>(random_()));
      if (std::isfinite(value)) return value;
    }
  }
  double real() { return floating<double, std::uint64_t>(); }

  std::string text(std::size_t most = 20) {
    std::string out;
    for (std::size_t left = up_to(most); left != 0; --left) {
      switch (up_to(3)) {
        case 0: out += static_cast<char>(up_to(0x7F)); break;
        case 1: out += "é"; break;
        case 2: out += "\xF4\x8F\xBF\xBF"; break;
        default: out += static_cast<char>('a' + up_to(25));
      }
    }
    return out;
  }

  std::string raw(std::size_t levels = 3) {
    switch (up_to(levels == 0 ? 4 : 6)) {
      case 0: return "null";
      case 1: return toss() ? "true" : "false";
      case 2: return *kw::to_json(real());
      case 3: return toss() ? R"("\u00e9\n\ud83d\ude00")" : *kw::to_json(text());
      case 4: return "-0.0e-00";
      case 5: return "[" + raw(levels - 1) + " , " + raw(levels - 1) + "]";
      default: return "{" + *kw::to_json(text()) + " : " + raw(levels - 1) + "}";
    }
  }

  part one_part() {
    return {integer<std::int64_t>(), toss() ? std::optional{text()} : std::nullopt,
            toss() ? std::optional{integer<int>()} : std::nullopt};
  }

  shape one_shape() {
    if (toss()) return circle{std::abs(real())};
    polygon some;
    for (std::size_t left = up_to(3); left != 0; --left) {
      some.points.push_back({floating<float, std::uint32_t>(), floating<float, std::uint32_t>()});
    }
    return some;
  }

  numbers all_numbers() {
    return {integer<std::int8_t>(),           integer<std::uint8_t>(),
            integer<std::int16_t>(),          integer<std::uint16_t>(),
            integer<std::int32_t>(),          integer<std::uint32_t>(),
            integer<std::int64_t>(),          integer<std::uint64_t>(),
            floating<float, std::uint32_t>(), real(),
            static_cast<int>(up_to(100))};
  }

  times all_times() {
    times value;
    value.own = std::chrono::nanoseconds{integer<std::int64_t>()};
    value.fraction = std::chrono::duration<double>{real()};
    value.in_seconds = std::chrono::milliseconds{integer<std::int64_t>() >> 13};
    value.in_minutes = std::chrono::hours{integer<std::int32_t>()};
    if (toss()) value.perhaps.emplace(integer<std::uint16_t>());
    return value;
  }

  // What the views view is kept here until the next call.
  whole everything() {
    viewed_ = {std::string{"no escapes é"}.substr(0, up_to(11)), raw()};
    whole value;
    value.flag = toss();
    for (std::size_t left = up_to(3); left != 0; --left) value.flags.push_back(toss());
    value.all = all_numbers();
    value.when = all_times();
    value.text = text();
    value.view = viewed_[0];
    value.now = toss() ? state::idle : state::busy;
    for (std::size_t left = up_to(4); left != 0; --left) value.parts.push_back(one_part());
    for (std::size_t left = up_to(3); left != 0; --left) {
      auto& series = value.series[text()];
      for (std::size_t more = up_to(3); more != 0; --more) series.push_back(real());
    }
    for (std::size_t left = up_to(2); left != 0; --left) value.shapes[text()] = one_shape();
    for (auto& each : value.pair) each = text();
    if (toss()) value.extra = one_part();
    value.form = one_shape();
    value.raw.text = raw();
    value.raw_view.text = viewed_[1];
    value.limited = "x" + text(7);
    return value;
  }

 private:
  std::mt19937_64 random_;
  std::array<std::string, 2> viewed_;
};

// Of exactly this size: a sanitizer sees what is read past the end.
kw::outcome<whole> decode_copy(std::vector<char>& bytes) {
  bytes.shrink_to_fit();
  return kw::decode<whole>({bytes.data(), bytes.size()});
}

}  // namespace

TEST_CASE("what was encoded is decoded again, to the bit") {
  generator random{1};
  for (int round = 0; round < 3'000; ++round) {
    whole const value = random.everything();
    std::string text;
    auto const encoded = kw::encode(value, text);
    CAPTURE((encoded ? "" : encoded.error().message()));
    REQUIRE(encoded);
    CAPTURE(text);
    auto const again = kw::decode<whole>(text, {.refuse_unknown_fields = true});
    CAPTURE((again ? "" : again.error().message()));
    REQUIRE(again);
    REQUIRE(*again == value);
    std::string const once_more = *kw::to_json(*again);
    // An unordered map may come in another order.
    REQUIRE(once_more.size() == text.size());
    REQUIRE((value.shapes.size() > 1 || once_more == text));
  }
}

TEST_CASE("what is cut off gives an error, at every byte") {
  generator random{2};
  for (int round = 0; round < 20; ++round) {
    std::string const text = *kw::to_json(random.everything());
    for (std::size_t size = 0; size < text.size(); ++size) {
      CAPTURE(size);
      std::vector<char> bytes(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
      auto const result = decode_copy(bytes);
      REQUIRE(!result);
      REQUIRE(result.error().offset <= size);
      REQUIRE(!result.error().message().empty());
    }
  }
}

TEST_CASE("what is changed gives an error, or a value that is as good as any") {
  generator random{3};
  std::size_t values = 0;
  for (int round = 0; round < 6'000; ++round) {
    std::string const text = *kw::to_json(random.everything());
    std::vector<char> bytes(text.begin(), text.end());
    for (std::size_t changes = 1 + random.up_to(1); changes != 0; --changes) {
      auto const at = bytes.begin() + static_cast<std::ptrdiff_t>(random.up_to(bytes.size() - 1));
      static constexpr std::string_view likely = "\"\\{}[]:,0123456789.eE+-tfn \n\xC3\x80";
      char const letter =
          random.toss() ? likely[random.up_to(likely.size() - 1)] : static_cast<char>(random.up_to(255));
      switch (random.up_to(2)) {
        case 0: *at = letter; break;
        case 1: bytes.insert(at, letter); break;
        default: bytes.erase(at);
      }
    }
    auto const result = decode_copy(bytes);
    if (!result) {
      REQUIRE(result.error().code != kw::json_errc{});
      REQUIRE(result.error().offset <= bytes.size());
      REQUIRE(!result.error().message().empty());
      continue;
    }
    ++values;
    std::string once;
    auto const encoded = kw::encode(*result, once);
    CAPTURE((encoded ? "" : encoded.error().message()));
    REQUIRE(encoded);
    auto const again = kw::decode<whole>(once);
    REQUIRE(again);
    // Line breaks in raw JSON are not written.
    auto const breaks = [](std::string_view raw) { return raw.find_first_of("\r\n") != raw.npos; };
    if (!breaks(result->raw.text) && !breaks(result->raw_view.text)) REQUIRE(*again == *result);
  }
  CHECK(values > 500);
}
