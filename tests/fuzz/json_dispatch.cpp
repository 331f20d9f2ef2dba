// JSON by kind out of any bytes: one typed error, or a value that comes back when it is written and read
// again.
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"

namespace kw = kindwire;

namespace {

struct point {
  double x;
  float y;
  static constexpr auto schema = kw::object(kw::field("x", &point::x), kw::field("y", &point::y));
};
struct shape {
  std::string name;
  std::vector<point> points;
  std::optional<std::int64_t> id;
  std::uint8_t small;
  bool closed;
  static constexpr auto schema = kw::kind(
      "SHAPE", kw::field("name", &shape::name), kw::field("points", &shape::points),
      kw::field("id", &shape::id), kw::field("small", &shape::small), kw::field("closed", &shape::closed));
};
struct note {
  std::string_view text;
  static constexpr auto schema = kw::kind("NOTE", kw::field("text", &note::text));
};
struct empty {
  static constexpr auto schema = kw::kind("EMPTY");
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  // A buffer of exactly this size: no terminator to lean on.
  std::vector<char> const copy(data, data + size);
  std::string_view const text(copy.data(), copy.size());
  auto const check = [](auto const& value) {
    std::string const once = kw::to_json(value);
    FUZZ_CLAIM(!once.empty());
    auto const again = kw::decode<std::remove_cvref_t<decltype(value)>>(once);
    FUZZ_CLAIM(again && kw::to_json(*again) == once);
  };
  int calls = 0;
  kw::dispatcher const on{
      [&](shape const& s) { ++calls, check(s); },
      [&](note const& n) {
        ++calls;
        FUZZ_CLAIM(n.text.empty() || (n.text.data() >= copy.data() &&
                                      n.text.data() + n.text.size() <= copy.data() + copy.size()));
      },
      [&](empty const& e) { ++calls, check(e); },
  };
  auto const outcome = on(text);
  FUZZ_CLAIM(calls == (outcome ? 1 : 0));
  if (!outcome) FUZZ_CLAIM(!outcome.error().message().empty() && outcome.error().offset <= text.size());
  return 0;
}
