// Which C++ types have a form in JSON, beside the described ones.
//
//   bool             true, false              std::string       string
//   integers         number, exact            std::string_view  string without escapes, a view into the text
//   float, double    number                   std::optional<T>  T, or null, or absent
//   enumerations     string, by name          std::vector<T>    array
//   described types  object                   std::array<T, N>  array of N
//   std::map<std::string, T>, and other maps with try_emplace: object
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kindwire {

/// How many arrays and objects may stand inside each other, in a text and in a value. RFC 8259 §9 lets a
/// parser set a limit; decoding recurses over the user's types, and the limit keeps a peer from choosing how
/// much stack that takes.
inline constexpr unsigned json_max_depth = 64;

class json_reader;
class json_writer;

/// Teaches kindwire a type of yours that is neither described nor in the list above: specialise it with
/// `static bool read(json_reader&, T&)` and `static bool write(json_writer&, T const&)`, which read and write
/// a type that is, and return false when that did. It goes before everything else that is known of T.
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

// Characters are no numbers, and one alone is no string.
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
inline constexpr bool is_vector = false;
template <class T, class Allocator>
inline constexpr bool is_vector<std::vector<T, Allocator>> = true;

template <class T>
concept string_map = requires(T& map, std::string key) {
  typename T::mapped_type;
  map.clear();
  map.try_emplace(std::move(key)).second;
};

template <class T>
inline constexpr bool always_false = false;

}  // namespace detail
}  // namespace kindwire
