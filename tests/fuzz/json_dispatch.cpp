// JSON by kind out of any bytes: one typed error, or what RapidJSON's document has, and a value that comes
// back when it is written and read again.
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/error_message.hpp>
#include <kindwire/json/rapidjson.hpp>
#include <kindwire/json/writer.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
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
enum class side { left, right };

}  // namespace

template <>
inline constexpr auto kindwire::schema<side> = kw::enumeration(kw::enumerator("LEFT", side::left),
                                                               kw::enumerator("RIGHT", side::right));

namespace {

struct table {
  std::array<int, 3> row;
  std::map<std::string, side> cells;
  std::int16_t rest = 7;
  static constexpr auto schema =
      kw::kind("TABLE", kw::field("row", &table::row), kw::field("cells", &table::cells),
               kw::field("rest", &table::rest, kw::defaulted));
};
struct note {
  std::string_view text;
  static constexpr auto schema = kw::kind("NOTE", kw::field("text", &note::text));
};
struct empty {
  static constexpr auto schema = kw::kind("EMPTY");
};

// What one of several kinds may be, durations, raw JSON, limits.
struct circle {
  double radius = 1;
  static constexpr auto schema = kw::kind("CIRCLE", kw::field("radius", &circle::radius, kw::minimum(0)));
};
struct group;
using figure = std::variant<circle, group>;
struct group {
  std::vector<figure> figures;
  static constexpr auto schema =
      kw::kind("GROUP", kw::field("figures", &group::figures, kw::defaulted, kw::max_items(3)));
};
struct event {
  std::chrono::milliseconds after{};
  std::chrono::milliseconds wait{};
  std::optional<std::chrono::duration<std::int16_t>> pause;
  figure what;
  kw::raw_json raw;
  kw::raw_json_view view;
  std::string name = "a";
  static constexpr auto schema = kw::kind(
      "EVENT", kw::field("after", &event::after, kw::minimum(0)),
      kw::field("wait", &event::wait, kw::unit<std::chrono::duration<double>>, kw::defaulted),
      kw::field("pause", &event::pause, kw::unit<std::chrono::minutes>), kw::field("what", &event::what),
      kw::field("raw", &event::raw), kw::field("view", &event::view, kw::defaulted),
      kw::field("name", &event::name, kw::defaulted, kw::min_length(1), kw::max_length(4)));
};

using document = rapidjson::Document;
// Iterative, so that the depth of a text costs it no stack. Not with full precision, which has undefined
// behaviour for 0e-23.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

bool is_near(double ours, double theirs, double relative) {
  return std::abs(ours - theirs) <= std::abs(theirs) * relative + 1e-44;
}

// Integers may be written as 1.0 and 1e3, which are doubles to RapidJSON.
bool is_integer(document::ValueType const& value, std::int64_t ours) {
  if (value.IsInt64()) return value.GetInt64() == ours;
  return value.IsNumber() && is_near(static_cast<double>(ours), value.GetDouble(), 1e-14);
}

std::string_view text_of(document::ValueType const& value) {
  return {value.GetString(), value.GetStringLength()};
}

// A number in the text that no double holds ends RapidJSON's reading, whatever field it is in.
bool too_big(document const& whole) {
  return whole.HasParseError() && whole.GetParseError() == rapidjson::kParseErrorNumberTooBig;
}

void check_kind(document const& whole, std::string_view kind) {
  FUZZ_CLAIM(!whole.HasParseError() && whole.IsObject());
  int kinds = 0;
  std::set<std::string_view> names;
  for (auto const& member : whole.GetObject()) {
    FUZZ_CLAIM(names.insert(text_of(member.name)).second);
    if (text_of(member.name) != "kind") continue;
    ++kinds;
    FUZZ_CLAIM(member.value.IsString() && text_of(member.value) == kind);
  }
  FUZZ_CLAIM(kinds == 1);
}

void check_same(document const& whole, shape const& s) {
  FUZZ_CLAIM(text_of(whole["name"]) == s.name);
  auto const& points = whole["points"];
  FUZZ_CLAIM(points.Size() == s.points.size());
  for (unsigned i = 0; i != points.Size(); ++i) {
    FUZZ_CLAIM(is_near(s.points[i].x, points[i]["x"].GetDouble(), 1e-14));
    FUZZ_CLAIM(is_near(static_cast<double>(s.points[i].y), points[i]["y"].GetDouble(), 1e-7));
  }
  bool const has_id = whole.HasMember("id") && !whole["id"].IsNull();
  FUZZ_CLAIM(has_id == s.id.has_value());
  FUZZ_CLAIM(!has_id || is_integer(whole["id"], *s.id));
  FUZZ_CLAIM(is_integer(whole["small"], s.small));
  FUZZ_CLAIM(whole["closed"].GetBool() == s.closed);
}

void check_same(document const& whole, table const& t) {
  FUZZ_CLAIM(whole["row"].Size() == t.row.size() && whole["cells"].MemberCount() == t.cells.size());
  for (unsigned i = 0; i != t.row.size(); ++i) FUZZ_CLAIM(is_integer(whole["row"][i], t.row[i]));
  for (auto const& member : whole["cells"].GetObject()) {
    auto const found = t.cells.find(std::string(text_of(member.name)));
    FUZZ_CLAIM(found != t.cells.end());
    FUZZ_CLAIM(text_of(member.value) == (found->second == side::left ? "LEFT" : "RIGHT"));
  }
  FUZZ_CLAIM(whole.HasMember("rest") ? is_integer(whole["rest"], t.rest) : t.rest == 7);
}

void check_same(document const&, empty const&) {}

void check_figure(document::ValueType const& value, figure const& f) {
  if (auto const* const round = std::get_if<circle>(&f)) {
    FUZZ_CLAIM(text_of(value["kind"]) == "CIRCLE");
    FUZZ_CLAIM(round->radius >= 0 && is_near(round->radius, value["radius"].GetDouble(), 1e-14));
    return;
  }
  FUZZ_CLAIM(text_of(value["kind"]) == "GROUP");
  auto const& figures = std::get<group>(f).figures;
  FUZZ_CLAIM(figures.size() <= 3);
  FUZZ_CLAIM(value.HasMember("figures") ? value["figures"].Size() == figures.size() : figures.empty());
  for (unsigned i = 0; i != figures.size(); ++i) check_figure(value["figures"][i], figures[i]);
}

// Kept as it stands: the same value when it is read alone.
void check_raw(document::ValueType const& value, std::string_view raw) {
  document alone;
  rapidjson::MemoryStream stream(raw.data(), raw.size());
  alone.ParseStream<parse_flags>(stream);
  FUZZ_CLAIM(!alone.HasParseError() && alone.GetType() == value.GetType());
  if (value.IsString()) FUZZ_CLAIM(text_of(alone) == text_of(value));
  if (value.IsNumber()) FUZZ_CLAIM(alone.GetDouble() == value.GetDouble());
  if (value.IsArray()) FUZZ_CLAIM(alone.Size() == value.Size());
  if (value.IsObject()) FUZZ_CLAIM(alone.MemberCount() == value.MemberCount());
}

void check_same(document const& whole, event const& e) {
  FUZZ_CLAIM(e.after.count() >= 0 && is_integer(whole["after"], e.after.count()));
  double const wait = static_cast<double>(e.wait.count()) / 1000;
  FUZZ_CLAIM(whole.HasMember("wait") ? is_near(wait, whole["wait"].GetDouble(), 1e-14) : wait == 0);
  bool const has_pause = whole.HasMember("pause") && !whole["pause"].IsNull();
  FUZZ_CLAIM(has_pause == e.pause.has_value());
  FUZZ_CLAIM(!has_pause || (e.pause->count() % 60 == 0 && is_integer(whole["pause"], e.pause->count() / 60)));
  check_figure(whole["what"], e.what);
  check_raw(whole["raw"], e.raw.text);
  if (whole.HasMember("view")) check_raw(whole["view"], e.view.text);
  FUZZ_CLAIM(!e.name.empty() && e.name.size() <= 16);
  if (whole.HasMember("name")) FUZZ_CLAIM(text_of(whole["name"]) == e.name);
}

// The same values of the same types, but for the last digits of a double.
void check_same_value(document::ValueType const& ours, document::ValueType const& theirs) {
  FUZZ_CLAIM(ours.GetType() == theirs.GetType());
  if (ours.IsString()) FUZZ_CLAIM(text_of(ours) == text_of(theirs));
  if (ours.IsNumber()) {
    FUZZ_CLAIM(ours.IsInt64() == theirs.IsInt64() && ours.IsUint64() == theirs.IsUint64());
    FUZZ_CLAIM(is_near(ours.GetDouble(), theirs.GetDouble(), 1e-14));
    if (ours.IsInt64()) FUZZ_CLAIM(ours.GetInt64() == theirs.GetInt64());
    if (ours.IsUint64()) FUZZ_CLAIM(ours.GetUint64() == theirs.GetUint64());
  }
  if (ours.IsArray()) {
    FUZZ_CLAIM(ours.Size() == theirs.Size());
    for (unsigned i = 0; i != ours.Size(); ++i) check_same_value(ours[i], theirs[i]);
  }
  if (ours.IsObject()) {
    FUZZ_CLAIM(ours.MemberCount() == theirs.MemberCount());
    auto their = theirs.MemberBegin();
    for (auto our = ours.MemberBegin(); our != ours.MemberEnd(); ++our, ++their) {
      check_same_value(our->name, their->name);
      check_same_value(our->value, their->value);
    }
  }
}

// A text as our document, and as RapidJSON's, which is not asked for members that stand twice.
void check_document(std::string_view text, document const& whole) {
  auto const ours = kw::decode<document>(text);
  for (auto const policy : {kw::duplicate_policy::first, kw::duplicate_policy::last}) {
    auto const chosen = kw::decode<document>(text, {.duplicates = policy});
    FUZZ_CLAIM(chosen || !ours);
    if (chosen) FUZZ_CLAIM(kw::decode<document>(*kw::to_json(*chosen)));
  }
  if (!ours) return;
  FUZZ_CLAIM(!whole.HasParseError() || too_big(whole));
  if (!whole.HasParseError()) check_same_value(*ours, whole);
  std::string const once = *kw::to_json(*ours);
  auto const again = kw::decode<document>(once);
  FUZZ_CLAIM(again && *kw::to_json(*again) == once);
  // A document is decoded as its text is, and dispatched as that is.
  auto const by_text = kw::decode<shape>(once);
  auto const by_value = kw::decode<shape>(*ours);
  FUZZ_CLAIM(static_cast<bool>(by_text) == static_cast<bool>(by_value));
  if (by_text) FUZZ_CLAIM(*kw::to_json(*by_text) == *kw::to_json(*by_value));
  if (!by_text) FUZZ_CLAIM(by_text.error().message() == by_value.error().message());
}

// Whatever counts of what stands twice: a text in which nothing does means the same.
template <class T>
void check_policies(std::string_view text, std::string const& once) {
  for (auto const policy : {kw::duplicate_policy::first, kw::duplicate_policy::last}) {
    auto const value = kw::decode<T>(text, {.duplicates = policy});
    if (!once.empty()) FUZZ_CLAIM(value && *kw::to_json(*value) == once);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  // A buffer of exactly this size: no terminator to lean on.
  std::vector<char> const copy(data, data + size);
  std::string_view const text(copy.data(), copy.size());
  document whole;
  rapidjson::MemoryStream stream(text.data(),
                                 text.size());  // Parse(text) passes over parts of a byte order mark
  whole.ParseStream<parse_flags>(stream);
  check_document(text, whole);

  auto const check = [&](auto const& value) {
    using type = std::remove_cvref_t<decltype(value)>;
    if (!too_big(whole)) {
      check_kind(whole, kw::kind_of<type>);
      check_same(whole, value);
    }
    std::string const once = *kw::to_json(value);
    FUZZ_CLAIM(!once.empty());
    auto const again = kw::decode<type>(once);
    FUZZ_CLAIM(again && *kw::to_json(*again) == once);
    check_policies<type>(text, once);
  };
  int calls = 0;
  kw::dispatcher const on{
      [&](shape const& s) { ++calls, check(s); },
      [&](table const& t) { ++calls, check(t); },
      [&](note const& n) {
        ++calls;
        FUZZ_CLAIM(n.text.empty() || (n.text.data() >= copy.data() &&
                                      n.text.data() + n.text.size() <= copy.data() + copy.size()));
        if (!too_big(whole)) {
          check_kind(whole, "NOTE");
          FUZZ_CLAIM(text_of(whole["text"]) == n.text);
        }
      },
      [&](empty const& e) { ++calls, check(e); },
      [&](event const& e) { ++calls, check(e); },
  };
  auto const outcome = on(text);
  FUZZ_CLAIM(calls == (outcome ? 1 : 0));
  if (outcome) return 0;
  check_policies<event>(text, {});
  FUZZ_CLAIM(kw::to_json(kw::to_message(outcome.error())));
  FUZZ_CLAIM(!outcome.error().message().empty() && outcome.error().offset <= text.size());
  switch (outcome.error().code) {
    case kw::json_errc::malformed:
    case kw::json_errc::truncated:
    case kw::json_errc::invalid_utf8:
    case kw::json_errc::invalid_escape:
      // RapidJSON 1.1.0 takes a NUL behind the value for the end of the text.
      FUZZ_CLAIM(whole.HasParseError() || text.find('\0') != std::string_view::npos);
      break;
    default: break;  // RapidJSON 1.1.0 lets the lower half of a surrogate pair pass
  }
  return 0;
}
