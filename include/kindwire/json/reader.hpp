// JSON text into described C++ values, without a document in between: types.hpp tells which types.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "error.hpp"
#include "kind_guess.hpp"
#include "member_text.hpp"
#include "outcome.hpp"
#include "scanner.hpp"
#include "schema.hpp"
#include "types.hpp"

namespace kindwire {

/// What a reader of messages may refuse.
struct json_options {
  bool refuse_unknown_fields = false;  ///< off: a newer peer's additions do no harm
};

namespace detail {

// What reading an object needs to know of its type: a table, so that one function reads all of them.
struct read_row {
  std::string_view name;
  std::string_view lead;  // `,"name":`, or empty
  bool required;
  bool (*read)(json_reader& reader, void* object);
};

struct object_plan {
  bool has_kind;
  std::string_view key;
  std::string_view kind;
  read_row const* rows;
  std::size_t count;
  std::uint64_t required;  // a bit a field

  // `hint`: where the name is, if members come in the order in which they are declared. `count` without the
  // name.
  std::size_t find(std::string_view name, std::size_t hint) const noexcept {
    for (std::size_t index = hint; index < count; ++index) {
      if (same_text(rows[index].name, name)) return index;
    }
    for (std::size_t index = 0; index < hint; ++index) {
      if (same_text(rows[index].name, name)) return index;
    }
    return count;
  }
};

template <described T>
struct read_plan;

}  // namespace detail

/// Reads values from a text, one after the other. A json_codec is handed one; decode() and dispatcher make
/// them.
///
/// Its functions return false after an error, and so must whoever calls them: at once.
class json_reader {
 public:
  explicit json_reader(std::string_view text, json_options options = {}) noexcept
      : scanner_(text), options_(options) {}

  /// Reads the value that stands next. On false, `value` is valid but unspecified.
  template <class T>
  bool read(T& value) {
    scanner_.skip_space();
    if constexpr (detail::has_read_codec<T>) {
      return json_codec<T>::read(*this, value);
    } else if constexpr (std::is_same_v<T, bool>) {
      return read_boolean(value);
    } else if constexpr (detail::json_integer<T>) {
      return read_integer(value);
    } else if constexpr (detail::json_floating<T>) {
      return read_floating(value);
    } else if constexpr (described_enum<T>) {
      return read_enumerator(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return read_string(value);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      return read_view(value);
    } else if constexpr (detail::is_optional<T>) {
      return read_optional(value);
    } else if constexpr (detail::is_vector<T>) {
      return read_vector(value);
    } else if constexpr (detail::is_array<T>) {
      return read_array(value);
    } else if constexpr (described<T>) {
      return read_object(&value, detail::read_plan<T>::plan);
    } else if constexpr (detail::string_map<T>) {
      return read_map(value);
    } else {
      static_assert(
          detail::always_false<T>,
          "kindwire: T cannot be decoded from JSON. Describe it (a member `schema` or a specialisation of "
          "kindwire::schema, made with kind(), object() or enumeration()), or specialise json_codec");
      return false;
    }
  }

  /// Refuses the value that was just read: `expected` says what it should have been. Returns false.
  bool reject(std::string_view expected) {
    return scanner_.fail_at(scanner_.position(), json_errc::rejected, expected);
  }

  /// True at the end of the text, but for white space: the last question to a reader.
  bool finish() { return scanner_.finish(); }

  /// What is wrong; once, and only after a function returned false.
  json_error take_error() { return scanner_.take_error(); }

 protected:
  bool read_object(void* object, detail::object_plan const& plan);
  // The kind stands at `place`, if that is known, and is the plan's.
  bool read_members(void* object, detail::object_plan const& plan, bool kind_known, bool first,
                    detail::kind_place const& place = {});

  detail::json_scanner scanner_;

 private:
  bool read_boolean(bool& value);
  bool read_string(std::string& value);
  bool read_view(std::string_view& value);
  bool read_kind(detail::object_plan const& plan);

  bool fail_number(detail::json_number const& number, json_errc code, std::string_view expected) {
    return scanner_.fail_at(number.text.data(), code, expected, number.text);
  }

  bool fail_member(char const* where, json_errc code, std::string_view name) {
    scanner_.fail_at(where, code);
    scanner_.prepend_path(name);
    return false;
  }

  bool fail_element(std::size_t index) {
    scanner_.prepend_path(std::to_string(index));
    return false;
  }

  template <class T>
  bool read_integer(T& value) {
    detail::json_number number;
    if (!scanner_.number(number, "an integer")) return false;
    if (!number.integral) return fail_number(number, json_errc::wrong_type, "an integer");
    std::uint64_t most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    if (number.negative) most = std::is_signed_v<T> ? most + 1 : 0;
    if (number.overflow || number.magnitude > most) {
      return fail_number(number, json_errc::out_of_range,
                         "an integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                             std::to_string(std::numeric_limits<T>::max()));
    }
    // Two's complement: the lowest value has no positive counterpart, but its bits are right.
    value = static_cast<T>(number.negative ? ~number.magnitude + 1 : number.magnitude);
    return true;
  }

  template <class T>
  bool read_floating(T& value) {
    detail::json_number number;
    if (!scanner_.number(number, "a number")) return false;
    if (number.to_floating(value) == std::errc{}) return true;
    // Too large and too small look the same there: the first is refused, the second is zero.
    if (!number.is_below_one()) {
      return fail_number(number, json_errc::out_of_range,
                         sizeof(T) == 4 ? "a number up to 3.4e38" : "a number up to 1.8e308");
    }
    value = number.negative ? -T{} : T{};
    return true;
  }

  template <class T>
  bool read_enumerator(T& value) {
    char const* const where = scanner_.position();
    std::string_view name;
    if (scanner_.peek() != '"') return scanner_.fail_type("a string");
    if (!scanner_.string(name)) return false;
    for (std::size_t index = 0; index < schema<T>.names.size(); ++index) {
      if (schema<T>.names[index] == name) {
        value = schema<T>.values[index];
        return true;
      }
    }
    scanner_.fail_at(where, json_errc::unknown_enumerator, {}, name);
    return scanner_.fail_known(schema<T>.names);
  }

  template <class T>
  bool read_optional(std::optional<T>& value) {
    if (scanner_.peek() != 'n') return read(value.emplace());
    value.reset();
    return scanner_.literal("null");
  }

  template <class T>
  bool read_vector(T& values) {
    values.clear();
    if (!scanner_.enter('[', "an array")) return false;
    bool first = true;
    for (bool more = true;;) {
      if (!scanner_.next(']', first, more)) return false;
      if (!more) return true;
      if constexpr (std::is_same_v<typename T::value_type, bool>) {
        bool value = false;
        if (!read(value)) return fail_element(values.size());
        values.push_back(value);
      } else {
        if (!read(values.emplace_back())) return fail_element(values.size() - 1);
      }
    }
  }

  template <class T, std::size_t Size>
  bool read_array(std::array<T, Size>& values) {
    char const* const where = scanner_.position();
    if (!scanner_.enter('[', "an array")) return false;
    bool first = true;
    for (std::size_t index = 0;; ++index) {
      bool more = true;
      if (!scanner_.next(']', first, more)) return false;
      if (more && index < Size) {
        if (!read(values[index])) return fail_element(index);
      } else if (more || index != Size) {
        return scanner_.fail_at(where, json_errc::wrong_length, "an array of " + std::to_string(Size),
                                more ? "more" : std::to_string(index));
      } else {
        return true;
      }
    }
  }

  template <class Map>
  bool read_map(Map& values) {
    values.clear();
    if (!scanner_.enter('{', "an object")) return false;
    bool first = true;
    for (bool more = true;;) {
      if (!scanner_.next('}', first, more)) return false;
      if (!more) return true;
      char const* const where = scanner_.position();
      std::string_view key;
      if (!scanner_.key(key)) return false;
      auto const [entry, is_new] = values.try_emplace(std::string{key});
      if (!is_new) return fail_member(where, json_errc::duplicate_field, key);
      if (!read(entry->second)) {
        scanner_.prepend_path(entry->first);
        return false;
      }
    }
  }

  json_options options_;
};

inline bool json_reader::read_boolean(bool& value) {
  char const letter = scanner_.peek();
  if (letter != 't' && letter != 'f') return scanner_.fail_type("a boolean");
  value = letter == 't';
  return scanner_.literal(value ? "true" : "false");
}

inline bool json_reader::read_string(std::string& value) {
  if (scanner_.peek() != '"') return scanner_.fail_type("a string");
  std::string_view plain;
  bool escaped = false;
  if (!scanner_.plain_string(plain, escaped)) return false;
  if (escaped) return scanner_.unescape(&value);
  value.assign(plain);
  return true;
}

inline bool json_reader::read_view(std::string_view& value) {
  if (scanner_.peek() != '"') return scanner_.fail_type("a string");
  char const* const where = scanner_.position();
  bool escaped = false;
  if (!scanner_.plain_string(value, escaped)) return false;
  if (!escaped) return true;
  // A broken string is reported as such.
  return scanner_.unescape(nullptr) &&
         scanner_.fail_at(where, json_errc::escaped_string, "a string without escapes");
}

inline bool json_reader::read_object(void* object, detail::object_plan const& plan) {
  return scanner_.enter('{', "an object") && read_members(object, plan, false, true);
}

inline bool json_reader::read_members(void* object, detail::object_plan const& plan, bool kind_known,
                                      bool first, detail::kind_place const& place) {
  std::uint64_t seen = 0;
  std::size_t expected = 0;
  for (bool more = true;;) {
    // The next field as we would write it is known by its looks.
    if (expected != plan.count && (seen >> expected & 1) == 0) {
      detail::read_row const& row = plan.rows[expected];
      if (!row.lead.empty() && scanner_.pass(row.lead.substr(first ? 1 : 0))) {
        first = false;
        seen |= std::uint64_t{1} << expected;
        ++expected;
        if (row.read(*this, object)) continue;
        scanner_.prepend_path(row.name);
        return false;
      }
    }
    if (!scanner_.next('}', first, more)) return false;
    if (!more) break;
    char const* const where = scanner_.position();
    if (where == place.at && !kind_known) {
      kind_known = true;
      scanner_.rewind(place.end, scanner_.depth());
      continue;
    }
    std::string_view name;
    if (!scanner_.key(name)) return false;
    if (std::size_t const index = plan.find(name, expected); index != plan.count) {
      detail::read_row const& row = plan.rows[index];
      std::uint64_t const bit = std::uint64_t{1} << index;
      if ((seen & bit) != 0) return fail_member(where, json_errc::duplicate_field, name);
      seen |= bit;
      expected = index + 1;
      if (!row.read(*this, object)) {
        scanner_.prepend_path(row.name);
        return false;
      }
    } else if (plan.has_kind && detail::same_text(name, plan.key)) {
      if (kind_known) return fail_member(where, json_errc::duplicate_field, name);
      kind_known = true;
      if (!read_kind(plan)) {
        scanner_.prepend_path(plan.key);
        return false;
      }
    } else if (options_.refuse_unknown_fields) {
      return fail_member(where, json_errc::unknown_field, name);
    } else if (!scanner_.skip_value()) {
      return false;
    }
  }
  if (plan.has_kind && !kind_known)
    return fail_member(scanner_.position(), json_errc::missing_kind, plan.key);
  if (std::uint64_t const missing = plan.required & ~seen; missing != 0) {
    auto const index = static_cast<std::size_t>(std::countr_zero(missing));
    return fail_member(scanner_.position(), json_errc::missing_field, plan.rows[index].name);
  }
  return true;
}

inline bool json_reader::read_kind(detail::object_plan const& plan) {
  scanner_.skip_space();
  if (scanner_.peek() != '"') return scanner_.fail_type("a string");
  char const* const where = scanner_.position();
  std::string_view kind;
  if (!scanner_.string(kind)) return false;
  return kind == plan.kind || scanner_.fail_at(where, json_errc::wrong_kind, plan.kind, kind);
}

namespace detail {

template <class T, std::size_t Index>
bool read_field(json_reader& reader, void* object) {
  return reader.read(static_cast<T*>(object)->*(std::get<Index>(schema<T>.fields).member));
}

template <described T>
struct read_plan {
  static_assert(std::default_initializable<T>, "kindwire: a type to decode must have a default constructor");
  static_assert(field_count<T> <= 64, "kindwire: a described type may have at most 64 fields; nest some");
  static_assert(names_are_distinct<T>(),
                "kindwire: two fields of this type have one name, or a field has the kind's");

  template <std::size_t... Index>
  static constexpr std::array<read_row, field_count<T>> make_rows(std::index_sequence<Index...>) noexcept {
    return {{{std::get<Index>(schema<T>.fields).name, member_text<T>::lead(Index),
              std::get<Index>(schema<T>.fields).required, &read_field<T, Index>}...}};
  }

  static constexpr std::uint64_t required_fields() noexcept {
    std::uint64_t bits = 0;
    for (std::size_t index = 0; index < rows.size(); ++index) {
      if (rows[index].required) bits |= std::uint64_t{1} << index;
    }
    return bits;
  }

  static constexpr std::array<read_row, field_count<T>> rows =
      make_rows(std::make_index_sequence<field_count<T>>{});
  static constexpr object_plan plan{message_kind<T>, key_of<T>(), kind_or_none<T>(),
                                    rows.data(),     rows.size(), required_fields()};
};

}  // namespace detail

/// Decodes a message, or an object that is part of one. Unknown fields are passed over unless `options`
/// refuse them; a field that stands twice is refused; so is anything that RFC 8259 does not allow, nesting
/// beyond json_max_depth, and a kind other than T's. A std::string_view in T is a view into `text`, and is
/// valid as long as that. Thread safe.
template <described T>
outcome<T> decode(std::string_view text, json_options options = {}) {
  json_reader reader{text, options};
  outcome<T> result{T{}};
  if (!reader.read(*result) || !reader.finish()) result = reader.take_error();
  return result;
}

}  // namespace kindwire
