#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>

#include <chrono>
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

// refused: kindwire: a type is described with field(), base<>(), description(), and, of a kind, key()
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

// refused: kindwire: an alternative of a std::variant has no kind to tell it by
bool const refused = reads_value<std::variant<std::monostate, ping>>();

// refused: kindwire: two alternatives of a std::variant have the same kind
bool const refused = reads_value<std::variant<ping, same_ping>>();

// refused: kindwire: the kinds of a std::variant's alternatives stand under different keys
bool const refused = reads_value<std::variant<ping, pong>>();

// refused: kindwire: T cannot be decoded from JSON
bool const refused = reads_value<std::variant<ping>*>();

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

// refused: kindwire: this type only inherits a schema, which leaves out its own fields: give it one, with base<>() for those of its base class
struct original {
  int first = 0;
  static constexpr auto schema = kw::kind("ORIGINAL", kw::field("first", &original::first));
};
struct derived : original {
  int second = 0;
};
bool const refused = reads_value<derived>();

// refused: kindwire: a member that is const, or cannot be moved, as a std::atomic, cannot be read
struct fixed {
  int const size = 1;
  static constexpr auto schema = kw::object(kw::field("size", &fixed::size));
};
bool const refused = reads_value<fixed>();

// refused: kindwire: a type to decode must have a default constructor
struct no_default {
  explicit no_default(int);
  static constexpr auto schema = kw::object();
};
bool const refused = reads_value<no_default>();

// refused: kindwire: an enumeration has no names
enum class bare { one };
bool const refused = reads_value<bare>();

// refused: kindwire: a std::optional or a pointer in another: JSON has but one null
bool const refused = reads_value<std::optional<std::optional<int>>>();

// refused: kindwire: the keys of a map are strings, integers, enumerations with names, or paths
bool const refused = reads_value<std::map<double, int>>();

// refused: kindwire: as_number is for fields that are, or contain, enumerations
bool const refused = reads<[] { return kw::field("a", &data::number, kw::as_number); }>();

// refused: kindwire: as_string is for fields that are, or contain, integers
bool const refused = reads<[] { return kw::field("a", &data::text, kw::as_string); }>();

// refused: kindwire: must_be_present is for a std::optional
bool const refused = reads<[] { return kw::field("a", &data::text, kw::must_be_present); }>();
