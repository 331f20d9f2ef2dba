// Which C++ types have a form in JSON, beside the described ones.
//
//   bool             true, false              std::string       string
//   integers         number, exact            std::string_view  string without escapes, a view into the text
//   float, double    number                   std::optional<T>  T, or null, or absent; std::unique_ptr<T> and
//   enumerations     string, by name                            std::shared_ptr<T> alike
//   described types  object                   std::vector<T>    array; deques, lists, and sets, of which no
//   durations        number, in a unit                          element stands twice
//   time points      string, as in RFC 3339   std::array<T, N>  array of N; T[N]
//   paths            string                   std::tuple<T…>    array of that many; std::pair
//   raw_json         any value, as text       std::variant<T…>  object, of kinds that share a key
//   raw_json_view    any value, as a view     std::map<K, T>    object; other maps with try_emplace
//
// Bytes are numbers in an array, or a string where their field says as_hex or as_base64; a std::byte must.
//
// One alternative of a variant may be a raw_json, a raw_json_view or a std::monostate: it takes the messages
// of kinds that the others do not have. The first two keep their text, which is written as it is.
//
// A map's keys are strings, integers, enumerations with names, or paths, all written as strings. An integer
// may also be written as 1.0 or 1e3, as in JSON Schema.
//
// A std::string_view or raw_json_view may stand wherever its owning counterpart may, also as a key. It always
// views the text that was read; a string with escapes, which the text does not have verbatim, is refused.
#pragma once

#include "../../requirements.hpp"

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace kindwire {

/// How many arrays and objects may stand inside each other, in a text and in a value, unless options say
/// otherwise. RFC 8259 §9 lets a parser set a limit; decoding recurses over the user's types, and the limit
/// keeps a peer from choosing how much stack that takes.
inline constexpr unsigned json_max_depth = 64;

/// The most that options may allow; more counts as this. 1 MiB of stack is enough for it in any build, except
/// where sets or maps with large elements or keys stand inside each other: one of each is on the stack.
inline constexpr unsigned json_depth_limit = 512;

class json_reader;
class json_writer;

/// A JSON value of any type, kept as its text: decode() it once you know what it is. Reading checks it like
/// any other text; white space around it is not part of it.
///
/// Writing checks it, too: it is refused unless it is one JSON value, which goes out without its line breaks.
struct raw_json {
  std::string text = "null";
  friend bool operator==(raw_json const&, raw_json const&) = default;
};

/// The same as a view, into the text that was read: valid as long as that.
struct raw_json_view {
  std::string_view text = "null";
  friend bool operator==(raw_json_view const&, raw_json_view const&) = default;
};

/// Teaches kindwire a type of yours that is neither described nor in the list above: specialise it with
/// `static bool read(json_reader&, T&)` and `static bool write(json_writer&, T const&)`, which read and write
/// a type that is, and return false when that did. It takes precedence over everything else known of T.
template <class T>
struct json_codec;

namespace detail {

template <class T>
concept has_read_codec = requires(json_reader& reader, T& value) {
  json_codec<T>::read(reader, value);
};
template <class T>
concept has_write_codec = requires(json_writer& writer, T const& value) {
  json_codec<T>::write(writer, value);
};
template <class T>
concept has_codec = has_read_codec<T> || has_write_codec<T>;

// Characters are not numbers, and a single one is not a string.
template <class T>
concept json_integer = std::is_integral_v<T> && sizeof(T) <= 8 && !std::is_same_v<T, bool> &&
                       !std::is_same_v<T, char> && !std::is_same_v<T, wchar_t> &&
                       !std::is_same_v<T, char8_t> && !std::is_same_v<T, char16_t> &&
                       !std::is_same_v<T, char32_t>;

template <class T>
concept json_floating = std::is_same_v<T, float> || std::is_same_v<T, double>;

template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t Size>
inline constexpr bool is_array<std::array<T, Size>> = true;

template <class T>
inline constexpr bool is_variant = false;
template <class... Kinds>
inline constexpr bool is_variant<std::variant<Kinds...>> = true;

template <class T, std::size_t Size>
inline constexpr bool is_array<T[Size]> = true;

template <class T>
inline constexpr bool is_tuple = false;
template <class First, class Second>
inline constexpr bool is_tuple<std::pair<First, Second>> = true;
template <class... Elements>
inline constexpr bool is_tuple<std::tuple<Elements...>> = true;

template <class T>
inline constexpr bool is_pointer = false;
template <class T>
inline constexpr bool is_pointer<std::unique_ptr<T>> = true;
template <class T>
inline constexpr bool is_pointer<std::shared_ptr<T>> = true;

template <class T>
inline constexpr bool is_time = false;
template <class Duration>
inline constexpr bool is_time<std::chrono::time_point<std::chrono::system_clock, Duration>> = true;

template <class T>
concept json_map = requires(T& map, typename T::key_type key) {
  typename T::mapped_type;
  map.clear();
  map.try_emplace(std::move(key)).second;
};

// A std::filesystem::path, without its header.
template <class T>
concept json_path = requires(T const& path) {
  typename T::string_type;
  { path.u8string() } -> std::same_as<std::u8string>;
  path.lexically_normal();
};

template <class T>
concept json_byte = std::is_same_v<T, std::byte> || std::is_same_v<T, unsigned char>;

// Elements go to the end.
template <class T>
concept appendable_list = requires(T& list) {
  typename T::value_type;
  list.clear();
  list.emplace_back();
  list.begin() == list.end();
  list.size();
};

// Elements are their own keys.
template <class T>
concept json_set = !appendable_list<T> && !json_map<T> && requires(T & set, typename T::value_type value) {
  typename T::key_type;
  set.clear();
  set.insert(std::move(value));
  set.begin() == set.end();
};

// No element stands twice.
template <class T>
concept json_unique_set = json_set<T> && requires(T& set, typename T::value_type value) {
  set.insert(std::move(value)).second;
};

template <class T>
inline constexpr bool always_false = false;

}  // namespace detail
}  // namespace kindwire
