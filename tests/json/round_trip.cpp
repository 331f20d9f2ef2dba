// decode(encode(x)) == x, for any x that can be expressed.
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

#include <bit>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace kw = kindwire;

namespace {

enum class state { idle, busy };

struct part {
  std::int64_t id = 0;
  std::optional<std::string> label;
  friend bool operator==(part const&, part const&) = default;
  static constexpr auto schema = kw::object(kw::field("id", &part::id), kw::field("label", &part::label));
};

struct whole {
  bool flag = false;
  std::int8_t tiny = 0;
  std::uint64_t huge = 0;
  double number = 0;
  float small = 0;
  std::string text;
  state now = state::idle;
  std::vector<part> parts;
  std::map<std::string, std::vector<double>> series;
  std::array<std::uint16_t, 3> triple{};
  std::optional<part> extra;
  friend bool operator==(whole const&, whole const&) = default;
  static constexpr auto schema = kw::kind(
      "WHOLE", kw::field("flag", &whole::flag), kw::field("tiny", &whole::tiny),
      kw::field("huge", &whole::huge), kw::field("number", &whole::number), kw::field("small", &whole::small),
      kw::field("text", &whole::text), kw::field("now", &whole::now), kw::field("parts", &whole::parts),
      kw::field("series", &whole::series), kw::field("triple", &whole::triple),
      kw::field("extra", &whole::extra));
};

class generator {
 public:
  explicit generator(unsigned seed) : random_(seed) {}

  std::uint64_t number() { return random_() >> random_() % 64; }
  std::size_t up_to(std::size_t most) { return random_() % (most + 1); }

  // Any bits that are finite.
  double floating() {
    for (;;) {
      auto const value = std::bit_cast<double>(random_());
      if (std::isfinite(value)) return value;
    }
  }

  float small_floating() {
    for (;;) {
      auto const value = std::bit_cast<float>(static_cast<std::uint32_t>(random_()));
      if (std::isfinite(value)) return value;
    }
  }

  std::string text() {
    std::string out;
    for (std::size_t left = up_to(20); left != 0; --left) {
      switch (up_to(3)) {
        case 0: out += static_cast<char>(up_to(0x7F)); break;
        case 1: out += "é"; break;
        case 2: out += "\xF4\x8F\xBF\xBF"; break;
        default: out += static_cast<char>('a' + up_to(25));
      }
    }
    return out;
  }

  part one_part() {
    return {static_cast<std::int64_t>(number()) * (up_to(1) == 0 ? 1 : -1),
            up_to(1) == 0 ? std::optional{text()} : std::nullopt};
  }

  whole everything() {
    whole value;
    value.flag = up_to(1) == 0;
    value.tiny = static_cast<std::int8_t>(random_());
    value.huge = number();
    value.number = floating();
    value.small = small_floating();
    value.text = text();
    value.now = up_to(1) == 0 ? state::idle : state::busy;
    for (std::size_t left = up_to(4); left != 0; --left) value.parts.push_back(one_part());
    for (std::size_t left = up_to(3); left != 0; --left) {
      auto& series = value.series[text()];
      for (std::size_t more = up_to(3); more != 0; --more) series.push_back(floating());
    }
    for (auto& number_of_three : value.triple) number_of_three = static_cast<std::uint16_t>(random_());
    if (up_to(1) == 0) value.extra = one_part();
    return value;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace

template <>
inline constexpr auto kw::schema<state> = kw::enumeration(kw::enumerator("idle", state::idle),
                                                          kw::enumerator("busy", state::busy));

TEST_CASE("what was encoded is decoded again, to the bit") {
  generator random{1};
  for (int round = 0; round < 3'000; ++round) {
    whole const value = random.everything();
    std::string const text = kw::to_json(value);
    REQUIRE(!text.empty());
    CAPTURE(text);
    auto const again = kw::decode<whole>(text);
    REQUIRE(again);
    REQUIRE(*again == value);
    REQUIRE(kw::to_json(*again) == text);
  }
}
