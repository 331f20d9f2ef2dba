// How json_writer writes each form: a part of writer.hpp.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "../description/duration.hpp"
#include "../description/schema_check.hpp"
#include "../description/variant_kinds.hpp"
#include "../kind/presence.hpp"
#include "../text/number_text.hpp"
#include "../text/scanner.hpp"
#include "../text/strings.hpp"
#include "../text/time_text.hpp"
#include "json_writer.hpp"

namespace kindwire {

template <class Limits, class T>
bool json_writer::write_number(T value) {
  if constexpr (detail::json_floating<T>) {
    if (!std::isfinite(value)) return fail(json_errc::not_finite);
  }
  if constexpr (Limits::of_numbers) {
    if (!detail::number_is_within<Limits>(value)) {
      return fail_value(json_errc::beyond_limit, detail::limits_text<Limits, T>(), detail::digits_of(value));
    }
  }
  if (buffer_.size() - used_ < detail::number_room) spill();
  used_ = static_cast<std::size_t>(detail::write_number(buffer_.data() + used_, value) - buffer_.data());
  return true;
}

template <class T>
bool json_writer::write_enumerator(T value) {
  static_assert(detail::enumeration_check<T>::passed);
  if (auto const name = detail::name_of_enumerator(value)) return write_string(*name);
  fail(json_errc::unknown_enumerator);
  error_->known = schema<T>.names;
  return false;
}

template <class Limits, class T>
bool json_writer::write_numbered(T value) {
  if constexpr (described_enum<T>) {
    if (!detail::name_of_enumerator(value)) return fail(json_errc::unknown_enumerator);
  }
  return write_number<Limits>(static_cast<std::underlying_type_t<T>>(value));
}

template <class Limits>
bool json_writer::write_text(std::string_view text) {
  if constexpr (Limits::of_length) {
    if (!detail::length_is_within(Limits::length, text)) {
      return fail_value(json_errc::beyond_limit, detail::length_text(Limits::length),
                        std::to_string(detail::code_points(text)));
    }
  }
  return write_string(text);
}

// A value that would not read back as the same is refused.
template <class Limits, class T>
bool json_writer::write_duration(T value) {
  using unit = detail::unit_of<T, typename Limits::unit>;
  if constexpr (detail::json_floating<typename T::rep>) {
    if (!std::isfinite(value.count())) return fail(json_errc::not_finite);
  }
  unit count{};
  T again{};
  if (detail::convert_duration(value, count) != detail::conversion::exact ||
      detail::convert_duration(count, again) != detail::conversion::exact || again != value) {
    return fail_value(json_errc::inexact, "whole " + detail::unit_name<typename unit::period>(),
                      detail::digits_of(value.count()) + ' ' + detail::unit_name<typename T::period>());
  }
  return write_number<Limits>(count.count());
}

template <class Limits, class T>
bool json_writer::write_time(T value) {
  if constexpr (!std::is_void_v<typename Limits::unit>) {
    return write_duration<Limits>(value.time_since_epoch());
  } else {
    detail::split_time time;
    if (detail::split(value.time_since_epoch(), time) != detail::conversion::exact) {
      return fail_value(json_errc::out_of_range, "a time in the years 0 to 9999",
                        detail::digits_of(value.time_since_epoch().count()));
    }
    std::array<char, 32> text;
    return write_string(
        {text.data(), static_cast<std::size_t>(detail::write_time(text.data(), time) - text.data())});
  }
}

template <class Limits, class T>
bool json_writer::write_bytes(T const& value) {
  if constexpr (Limits::of_items && !detail::is_byte_array<T>) {
    if (!Limits::items.contain(value.size())) {
      return fail_value(json_errc::beyond_limit, detail::bytes_text(Limits::items),
                        std::to_string(value.size()));
    }
  }
  put('"');
  detail::write_bytes<Limits::bytes>(std::data(value), std::size(value),
                                     [this](std::string_view piece) { put(piece); });
  put('"');
  return true;
}

template <class... Alternatives>
bool json_writer::write_variant(std::variant<Alternatives...> const& value) {
  using kinds = detail::kinds_of_variant<Alternatives...>;
  static_cast<void>(kinds::table);
  if (value.valueless_by_exception()) return reject("a variant that holds a value");
  auto const write_one = [this](auto const& one) {
    using alternative = std::remove_cvref_t<decltype(one)>;
    if constexpr (std::is_same_v<alternative, std::monostate>) {
      return reject("a variant that holds a message");
    } else if constexpr (detail::keeps_text<alternative>) {
      // Without a kind it could not be read back.
      if (!detail::has_kind(one.text, kinds::key, max_depth_))
        return reject("a raw_json that is a message with a kind");
      return write_raw(one.text);
    } else {
      return this->write_value<detail::no_limits>(one);
    }
  };
  return std::visit(write_one, value);
}

template <class Limits, class Range>
bool json_writer::write_array(Range const& values) {
  using inner = detail::inner_limits<Limits>;
  if constexpr (Limits::of_items) {
    if (!Limits::items.contain(values.size())) {
      return fail_value(json_errc::beyond_limit, detail::list_text(Limits::items),
                        std::to_string(values.size()));
    }
  }
  if (!enter()) return false;
  char separator = '[';
  std::size_t index = 0;
  for (detail::inside_of<Range> const& value : values) {  // a vector<bool> gives a stand-in for it
    put(std::exchange(separator, ','));
    if (!write_value<inner>(value)) return fail_inside(std::to_string(index));
    ++index;
  }
  return leave(separator, '[', ']');
}

template <class T>
bool json_writer::write_tuple(T const& values) {
  if (!enter()) return false;
  char separator = '[';
  std::size_t index = 0;
  auto const write_one = [&](auto const& value) {
    put(std::exchange(separator, ','));
    if (!write_value<detail::no_limits>(value)) return fail_inside(std::to_string(index));
    ++index;
    return true;
  };
  return std::apply([&](auto const&... value) { return (write_one(value) && ...); }, values) &&
         leave(separator, '[', ']');
}

template <class Key>
bool json_writer::write_key(Key const& key) {
  static_assert(detail::json_key<Key>,
                "kindwire: the keys of a map are strings, integers, enumerations with names, or paths");
  if constexpr (described_enum<Key>) {
    return write_enumerator(key);
  } else {
    auto const& text = detail::key_text(key);
    return write_string(text) || fail_inside(text);
  }
}

template <class Limits, class Map>
bool json_writer::write_map(Map const& values) {
  using inner = detail::inner_limits<Limits>;
  if constexpr (Limits::of_items) {
    if (!Limits::items.contain(values.size())) {
      return fail_value(json_errc::beyond_limit, detail::map_text(Limits::items),
                        std::to_string(values.size()));
    }
  }
  if (!enter()) return false;
  char separator = '{';
  for (auto const& [key, value] : values) {
    put(std::exchange(separator, ','));
    if (!write_key(key)) return false;
    put(':');
    if (!write_value<inner>(value)) return fail_inside(detail::key_text(key));
  }
  return leave(separator, '{', '}');
}

/// Escapes what RFC 8259 §7 requires, and nothing else.
inline bool json_writer::write_string(std::string_view text) {
  char const* const begin = text.data();
  char const* const end = begin + text.size();
  char const* run = begin;
  put('"');
  for (char const* position = run;;) {
    position = detail::skip_plain(begin, position, end);
    if (position == end) break;
    char const letter = *position;
    auto const byte = static_cast<unsigned char>(letter);
    if (byte >= 0x80) {
      if (!detail::skip_utf8_run(position, end)) return fail(json_errc::invalid_utf8);
      continue;
    }
    put({run, static_cast<std::size_t>(position - run)});
    run = ++position;
    put('\\');
    switch (letter) {
      case '"':
      case '\\': put(letter); break;
      case '\b': put('b'); break;
      case '\f': put('f'); break;
      case '\n': put('n'); break;
      case '\r': put('r'); break;
      case '\t': put('t'); break;
      default: {
        constexpr char digits[] = "0123456789abcdef";
        put("u00");
        put(digits[byte >> 4]);
        put(digits[byte & 0xF]);
      }
    }
  }
  put({run, static_cast<std::size_t>(end - run)});
  put('"');
  return true;
}

/// Raw JSON goes out verbatim, once it is known to be one value, but without the white space around it and
/// without line breaks, which would do harm in a stream of lines. In JSON they only stand between tokens.
inline bool json_writer::write_raw(std::string_view text) {
  detail::json_scanner scanner{text, max_depth_};
  scanner.rewind(text.data(), depth_);
  scanner.skip_space();
  char const* const begin = scanner.position();
  if (scanner.skip_value()) {
    char const* const end = scanner.position();
    if (scanner.finish()) {
      std::string_view value{begin, static_cast<std::size_t>(end - begin)};
      for (std::size_t at; (at = value.find_first_of("\n\r")) != value.npos; value.remove_prefix(at + 1)) {
        put(value.substr(0, at));
      }
      put(value);
      return true;
    }
  }
  error_ = scanner.take_error();
  return false;
}

// The kind, where it is not one piece of text.
KINDWIRE_NOINLINE inline bool json_writer::write_opening(detail::write_table const& table) {
  detail::kind_neighbour const none{};
  detail::kind_neighbour const& neighbour =
      depth_ == 1 && neighbour_ != nullptr ? *std::exchange(neighbour_, nullptr) : none;
  if (neighbour.key.empty() && !table.opening.empty()) {
    put(table.opening);
  } else {
    put('{');
    if (!write_string(neighbour.key.empty() ? table.key : neighbour.key)) return false;
    put(':');
    if (!write_string(table.kind)) return false;
  }
  if (neighbour.value.empty()) return true;
  put(',');
  if (!write_string(neighbour.name)) return false;
  put(':');
  put(neighbour.value);
  return true;
}

inline bool json_writer::write_object(void const* object, detail::write_table const& table) {
  if (!enter()) return false;
  char separator = '{';
  if (!table.opening.empty() && neighbour_ == nullptr) {
    put(table.opening);
    separator = ',';
  } else if (table.has_kind) {
    if (!write_opening(table)) return false;
    separator = ',';
  }
  for (std::size_t index = 0; index < table.count; ++index) {
    detail::write_row const& row = table.rows[index];
    if (row.absent != nullptr && row.absent(object)) continue;
    if (separator == ',' && !row.lead.empty()) {
      put(row.lead);
    } else {
      put(std::exchange(separator, ','));
      if (!write_string(row.name)) return false;
      put(':');
    }
    if (!row.write(*this, object)) return fail_inside(row.name);
  }
  return leave(separator, '{', '}');
}

}  // namespace kindwire
