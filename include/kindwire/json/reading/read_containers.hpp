// How json_reader reads values that contain others: a part of reader.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../description/spelt_values.hpp"
#include "duplicates.hpp"
#include "json_reader.hpp"

namespace kindwire {

template <class Limits, class T>
bool json_reader::read_nullable(T& value) {
  using inner = detail::inside_of<T>;
  static_assert(!detail::is_nullable<inner>,
                "kindwire: a std::optional or a pointer in another: JSON has but one null");
  if (scanner_.peek() == 'n') {
    value.reset();
    return scanner_.literal("null");
  }
  if constexpr (detail::is_optional<T>) {
    return read_value<Limits>(value.emplace());
  } else {
    // Made before it is read: what holds itself is read from the outside in.
    auto fresh = std::make_unique<std::remove_const_t<inner>>();
    auto& target = *fresh;
    value = std::move(fresh);
    return read_value<Limits>(target);
  }
}

template <class Limits, class T>
bool json_reader::read_list(T& values) {
  using inner = detail::inner_limits<Limits>;
  using element = typename T::value_type;
  char const* const where = scanner_.position();
  values.clear();
  if (!scanner_.enter('[', "an array")) return false;
  bool first = true;
  std::size_t count = 0;
  for (bool more = true;; ++count) {
    if (!scanner_.next(']', first, more)) return false;
    if constexpr (Limits::of_items) {
      if (!check_count(Limits::items, count, more, where, detail::list_text)) return false;
    }
    if (!more) return true;
    // Saves an allocation for each of the first few: 64 bytes, or one element.
    if constexpr (requires { values.reserve(values.capacity()); }) {
      if (values.capacity() == 0) values.reserve(std::max<std::size_t>(1, 64 / sizeof(element)));
    }
    if constexpr (detail::json_unique_set<T>) {
      char const* const begin = scanner_.position();
      element value{};
      if (!read_value<inner>(value)) return fail_element(count);
      if (!values.insert(std::move(value)).second && refuses_duplicates()) {
        scanner_.fail_at(begin, json_errc::rejected, "elements of which none stands twice");
        return fail_element(count);
      }
    } else if constexpr (detail::json_set<T>) {
      element value{};
      if (!read_value<inner>(value)) return fail_element(count);
      values.insert(std::move(value));
    } else if constexpr (std::is_same_v<element, bool>) {
      bool value = false;
      if (!read_value<inner>(value)) return fail_element(count);
      values.push_back(value);
    } else {
      if (!read_value<inner>(values.emplace_back())) return fail_element(count);
    }
  }
}

template <class Limits, class T>
bool json_reader::read_array(T* values, std::size_t size) {
  char const* const where = scanner_.position();
  if (!scanner_.enter('[', "an array")) return false;
  bool first = true;
  for (std::size_t index = 0; index != size; ++index) {
    bool more = true;
    if (!scanner_.next(']', first, more)) return false;
    if (!more) return fail_length(where, size, std::to_string(index));
    if (!read_value<Limits>(values[index])) return fail_element(index);
  }
  return leave_array(first, size, where);
}

template <class T>
bool json_reader::read_tuple(T& values) {
  constexpr std::size_t size = std::tuple_size_v<T>;
  char const* const where = scanner_.position();
  if (!scanner_.enter('[', "an array")) return false;
  bool first = true;
  std::size_t index = 0;
  auto const read_one = [&](auto& value) {
    bool more = true;
    if (!scanner_.next(']', first, more)) return false;
    if (!more) return fail_length(where, size, std::to_string(index));
    if (!read_value<detail::no_limits>(value)) return fail_element(index);
    ++index;
    return true;
  };
  bool const good = std::apply([&](auto&... value) { return (read_one(value) && ...); }, values);
  return good && leave_array(first, size, where);
}

/// A map's key that is not a std::string, or nothing and an error.
template <class Key>
std::optional<Key> json_reader::make_key(char const* where, std::string_view text) {
  if constexpr (std::is_same_v<Key, std::string_view>) {
    if (scanner_.in_text(text)) return text;
    scanner_.fail_at(where, json_errc::escaped_string, "a string without escapes");
    return std::nullopt;
  } else if constexpr (detail::json_integer<Key>) {
    Key key{};
    json_errc const wrong = detail::read_whole(text, key);
    if (wrong == json_errc{}) return key;
    std::string const found{text};
    scanner_.fail_at(where, wrong, detail::whole_text<Key>("an integer as a key"), found);
    scanner_.prepend_path(found);
    return std::nullopt;
  } else if constexpr (described_enum<Key>) {
    Key key{};
    std::string const name{text};
    if (read_named(key, where, name)) return key;
    scanner_.prepend_path(name);
    return std::nullopt;
  } else {
    return detail::make_path<Key>(text);
  }
}

template <class Limits, class Map>
bool json_reader::read_map(Map& values) {
  using inner = detail::inner_limits<Limits>;
  using key_type = typename Map::key_type;
  static_assert(detail::json_key<key_type>,
                "kindwire: the keys of a map are strings, integers, enumerations with names, or paths");
  [[maybe_unused]] char const* const begin = scanner_.position();
  values.clear();
  if (!scanner_.enter('{', "an object")) return false;
  bool first = true;
  for (bool more = true;;) {
    if (!scanner_.next('}', first, more)) return false;
    if (!more) break;
    char const* const where = scanner_.position();
    std::string_view name;
    if (!scanner_.key(name)) return false;
    std::optional<key_type> key;
    if constexpr (!detail::string_key<key_type>) {
      key = make_key<key_type>(where, name);
      if (!key) return false;
    }
    auto const [entry, is_new] = [&] {
      if constexpr (detail::string_key<key_type>) {
        return values.try_emplace(key_type(std::string{name}));
      } else {
        return values.try_emplace(*std::move(key));
      }
    }();
    if constexpr (Limits::of_items) {
      if (values.size() > Limits::items.most) {
        return fail_limit(begin, detail::map_text(Limits::items), "more");
      }
    }
    if (!is_new) {
      bool again = false;
      if (!read_again(where, name, again)) return false;
      if (!again) continue;
      entry->second = typename Map::mapped_type{};
    }
    scanner_.skip_space();
    if (!read_value<inner>(entry->second)) {
      scanner_.prepend_path(detail::key_text(entry->first));
      return false;
    }
  }
  if constexpr (Limits::of_items)
    return check_count(Limits::items, values.size(), false, begin, detail::map_text);
  return true;
}

}  // namespace kindwire
