#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kw = kindwire;

struct data {
  int number = 0;
  bool flag = false;
  std::string text;
  std::vector<int> list;
  std::array<int, 2> pair{};
  std::map<std::string, std::string> map;
  std::chrono::milliseconds after{};
  std::chrono::duration<double> exact{};
  std::chrono::duration<long double> wide{};
  int function() const;
};

struct ping {
  static constexpr auto schema = kw::kind("PING");
};
struct same_ping {
  static constexpr auto schema = kw::kind("PING");
};
struct pong {
  static constexpr auto schema = kw::kind("PONG", kw::key("type"));
};
struct part {
  static constexpr auto schema = kw::object();
};

template <auto Field>
struct one : data {
  static constexpr auto schema = kw::object(Field());
};

template <auto Field>
bool reads() {
  return static_cast<bool>(kw::decode<one<Field>>("{}"));
}
template <class T>
bool reads_value() {
  return static_cast<bool>(kw::decode<T>("{}"));
}

bool const common = reads<[] { return kw::field("a", &data::number, kw::minimum(0)); }>() &&
                    reads<[] { return kw::field("a", &data::map, kw::max_items(1), kw::max_length(1)); }>() &&
                    reads<[] { return kw::field("a", &data::after, kw::unit<std::chrono::hours>); }>() &&
                    reads_value<std::variant<ping>>();

// refused: kindwire: minimum() and maximum() are for fields that are, or contain, numbers or durations
bool const refused = reads<[] { return kw::field("a", &data::text, kw::minimum(0)); }>();

// refused: kindwire: minimum() and maximum() are for fields that are, or contain, numbers or durations
bool const refused = reads<[] { return kw::field("a", &data::flag, kw::maximum(0)); }>();

// refused: kindwire: min_length() and max_length() are for fields that are, or contain, strings
bool const refused = reads<[] { return kw::field("a", &data::list, kw::max_length(3)); }>();

// refused: kindwire: min_items() and max_items() are for fields that are vectors or maps
bool const refused = reads<[] { return kw::field("a", &data::text, kw::max_items(3)); }>();

// refused: kindwire: min_items() and max_items() are for fields that are vectors or maps
bool const refused = reads<[] { return kw::field("a", &data::pair, kw::min_items(2)); }>();

// refused: kindwire: unit<> is for fields that are, or contain, std::chrono durations
bool const refused = reads<[] { return kw::field("a", &data::number, kw::unit<std::chrono::seconds>); }>();

// refused: cannot have the value of its minimum() or maximum()
bool const refused = reads<[] { return kw::field("a", &data::number, kw::minimum(0.5)); }>();

// refused: cannot have the value of its minimum() or maximum()
bool const refused = reads<[] { return kw::field("a", &data::number, kw::maximum(1ULL << 40)); }>();

// refused: kindwire: no value can have at least the field's minimum and at most its maximum
bool const refused = reads<[] { return kw::field("a", &data::number, kw::minimum(2), kw::maximum(1)); }>();

// refused: kindwire: no value can have at least the field's minimum and at most its maximum
bool const refused =
    reads<[] { return kw::field("a", &data::text, kw::min_length(2), kw::max_length(1)); }>();

// refused: kindwire: a field has one option twice
auto const refused = kw::field("a", &data::number, kw::minimum(0), kw::minimum(0.5));

// refused: kindwire: a field has one option twice
auto const refused = kw::field("a", &data::number, kw::defaulted, kw::defaulted);

// refused: kindwire: after the member come options: defaulted, minimum(), maximum(), min_length()
auto const refused = kw::field("a", &data::number, 3);

// refused: kindwire: a field is a data member, not a member function
auto const refused = kw::field("a", &data::function);

// refused: kindwire: a type is described with field(), constant(), base<>(), description(), and, of a kind, key()
auto const refused = kw::kind("A", 3);

// refused: kindwire: a type is described with one option twice
auto const refused = kw::kind("A", kw::key("a"), kw::key("b"));

// refused: kindwire: an object without a kind has no key() for it
auto const refused = kw::object(kw::key("a"));

// refused: kindwire: a duration that counts in floating point numbers travels in its own unit
bool const refused =
    reads<[] { return kw::field("a", &data::exact, kw::unit<std::chrono::duration<double, std::milli>>); }>();

// refused: kindwire: a duration counts in integers of up to 64 bits, in float, or in double
bool const refused = reads<[] { return kw::field("a", &data::wide); }>();

// refused: kindwire: an alternative of a std::variant has no kind to tell it by
bool const refused = reads_value<std::variant<ping, part>>();

// refused: kindwire: a std::variant has one alternative for other kinds
bool const refused = reads_value<std::variant<std::monostate, ping, kw::raw_json>>();

// refused: kindwire: no alternative of a std::variant has a kind
bool const refused = reads_value<std::variant<std::monostate>>();

// refused: kindwire: two alternatives of a std::variant have the same kind
bool const refused = reads_value<std::variant<ping, same_ping>>();

// refused: kindwire: the kinds of a std::variant's alternatives stand under different keys
bool const refused = reads_value<std::variant<ping, pong>>();

// refused at once: kindwire: this type, or that of a field, has no form in JSON: describe it
auto const refused = kw::decode<std::variant<ping>*>("{}");

// refused: kindwire: two fields of this type have one name, or a field has the kind's
struct twice : data {
  static constexpr auto schema = kw::object(kw::field("a", &data::number), kw::field("a", &data::text));
};
bool const refused = reads_value<twice>();

// refused: kindwire: two fields of this type have one name, or a field has the kind's
struct clash : data {
  static constexpr auto schema = kw::kind("CLASH", kw::key("op"), kw::field("op", &data::text));
};
auto const refused = kw::to_json(clash{});

// refused: kindwire: a kind is told by a text, and stands under a key, which are not empty
struct nameless {
  static constexpr auto schema = kw::kind("");
};
bool const refused = reads_value<nameless>();

// refused: kindwire: a kind is told by a text, and stands under a key, which are not empty
struct nameless {
  static constexpr auto schema = kw::kind("A", kw::key(""));
};
auto const refused = kw::to_json(nameless{});

// refused: kindwire: a kind, a key or a field's name is not UTF-8
struct latin {
  static constexpr auto schema = kw::kind("GR\xD6SSE");
};
bool const refused = reads_value<latin>();

// refused: kindwire: a kind, a key or a field's name is not UTF-8
auto const refused = kw::to_json(one<[] { return kw::field("gr\xF6\xDF\x65", &data::number); }>{});

// refused: kindwire: two enumerators have one name
enum class side { left, right };
template <>
inline constexpr auto kindwire::schema<side> = kw::enumeration(kw::enumerator("LEFT", side::left),
                                                               kw::enumerator("LEFT", side::right));
bool const refused = reads_value<side>();

// refused: kindwire: two enumerators have one name
enum class side { left, right };
template <>
inline constexpr auto kindwire::schema<side> = kw::enumeration(kw::enumerator("LEFT", side::left),
                                                               kw::enumerator("LEFT", side::right));
auto const refused = kw::to_json(side::left);

// refused: kindwire: an enumerator's name is not UTF-8
enum class side { left };
template <>
inline constexpr auto kindwire::schema<side> = kw::enumeration(kw::enumerator("\xC3", side::left));
bool const refused = reads_value<side>();

// refused at once: kindwire: this type, or that of a field, only inherits a schema, which leaves out its own fields: give it one, with base<>() for those of its base class
struct original {
  int first = 0;
  static constexpr auto schema = kw::kind("ORIGINAL", kw::field("first", &original::first));
};
struct derived : original {
  int second = 0;
};
auto const refused = kw::decode<derived>("{}");

// refused at once: kindwire: a member that is const, or cannot be moved, as a std::atomic, cannot be read
struct fixed {
  int const size = 1;
  static constexpr auto schema = kw::object(kw::field("size", &fixed::size));
};
auto const refused = kw::decode<fixed>("{}");

// refused at once: kindwire: a member that is const, or cannot be moved, as a std::atomic, cannot be read
struct counting {
  std::atomic<int> size = 1;
  static constexpr auto schema = kw::object(kw::field("size", &counting::size));
};
auto const refused = kw::decode<counting>("{}");

// refused at once: kindwire: a member that is const, or cannot be moved, as a std::atomic, cannot be read
struct counting {
  std::atomic<int> size = 1;
  static constexpr auto schema = kw::object(kw::field("size", &counting::size));
};
std::string text;
auto const refused = kw::encode(counting{}, text);

// refused at once: kindwire: a type to decode must have a default constructor
struct no_default {
  explicit no_default(int);
  static constexpr auto schema = kw::object();
};
auto const refused = kw::decode<no_default>("{}");

// refused at once: kindwire: a type to decode must have a default constructor, and so must the types of its fields
struct no_default {
  explicit no_default(int);
  static constexpr auto schema = kw::object();
};
struct holder {
  std::vector<no_default> values;
  static constexpr auto schema = kw::object(kw::field("values", &holder::values));
};
void state(holder& value) { static_cast<void>(kw::decode("{}", value)); }

// refused at once: kindwire: a schema is a constant: write `static constexpr auto schema`
struct late {
  int number = 0;
  static inline auto const schema = kw::object(kw::field("number", &late::number));
};
auto const refused = kw::decode<late>("{}");

// refused at once: kindwire: a schema is a constant: write `static constexpr auto schema`
struct late {
  static inline auto schema = kw::kind("LATE");
};
auto const refused = kw::to_json(late{});

// refused at once: kindwire: an enumeration has no names: specialise kindwire::schema for it with enumeration(), in the global namespace or kindwire's, before it is used, or say as_number at the field
namespace app {
enum class side { left, right };
inline constexpr auto schema = kw::enumeration(kw::enumerator("LEFT", side::left), kw::enumerator("RIGHT", side::right));
struct turn {
  side to{};
  static constexpr auto schema = kw::kind("TURN", kw::field("to", &turn::to));
};
}  // namespace app
auto const refused = kw::decode<app::turn>("{}");

// refused at once: kindwire: an enumeration has no names
enum class bare { one };
struct turn {
  std::map<std::string, std::vector<bare>> to{};
  static constexpr auto schema = kw::kind("TURN", kw::field("to", &turn::to));
};
auto const refused = kw::to_json(turn{});

// refused at once: kindwire: a std::byte has no form in JSON: say as_base64 or as_hex at the field of bytes
struct blob {
  std::vector<std::byte> bytes{};
  static constexpr auto schema = kw::kind("BLOB", kw::field("bytes", &blob::bytes));
};
auto const refused = kw::decode<blob>("{}");

// refused at once: kindwire: an enumeration has no names
enum class bare { one };
auto const refused = kw::decode<bare>("{}");

// refused: kindwire: a std::optional or a pointer in another: JSON has but one null
bool const refused = reads_value<std::optional<std::optional<int>>>();

// refused: kindwire: the keys of a map are strings, integers, enumerations with names, or paths
bool const refused = reads_value<std::map<double, int>>();

// refused: kindwire: as_number is for fields that are, or contain, enumerations
bool const refused = reads<[] { return kw::field("a", &data::number, kw::as_number); }>();

// refused: kindwire: as_string is for fields that are, or contain, integers
bool const refused = reads<[] { return kw::field("a", &data::text, kw::as_string); }>();

// refused: kindwire: as_hex, as_base64 and as_base64url are for fields that are, or contain, bytes
bool const refused = reads<[] { return kw::field("a", &data::list, kw::as_base64); }>();

// refused: kindwire: a field has one option twice
auto const refused = kw::field("a", &data::text, kw::as_base64, kw::as_hex);

// refused: kindwire: min_length() and max_length() are for fields that are, or contain, strings
bool const refused = reads<[] { return kw::field("a", &data::text, kw::as_base64, kw::max_length(4)); }>();

// refused: kindwire: a constant is a bool, a number, a text or an enumerator
auto const refused = kw::constant("a", nullptr);

// refused: kindwire: after a constant's value come options: defaulted, description()
auto const refused = kw::constant("a", 1, kw::minimum(0));

// refused: kindwire: an enumeration has one fallback_enumerator()
enum class side { left, right };
auto const refused = kw::enumeration(kw::enumerator("LEFT", side::left), kw::fallback_enumerator(side::left),
                                     kw::fallback_enumerator(side::right));

// refused: kindwire: must_be_present is for a std::optional
bool const refused = reads<[] { return kw::field("a", &data::text, kw::must_be_present); }>();

// refused: kindwire: as_number needs an enumeration with names, or with an underlying type
enum plain { plain_a, plain_b };
struct with_plain {
  plain a{};
  static constexpr auto schema = kw::object(kw::field("a", &with_plain::a, kw::as_number));
};
auto const refused = kw::decode<with_plain>("{}");

// refused: kindwire: a constant's value cannot be written
struct with_bad_text {
  static constexpr auto schema = kw::object(kw::constant("a", "\xFF"));
};
auto const refused = kw::decode<with_bad_text>("{}");

// refused: kindwire: a constant's value cannot be written
struct with_nan {
  static constexpr auto schema = kw::object(kw::constant("a", __builtin_nan("")));
};
auto const refused = kw::to_json(with_nan{});
