// What is wrong with a JSON message: a code, where in the text, which field, and a sentence for the log.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "text/printable.hpp"

namespace kindwire {

/// What can go wrong when a JSON message is decoded or encoded. Exactly one is reported for a message, the
/// first found.
enum class json_errc {
  // The text: RFC 8259.
  malformed = 1,   ///< not JSON: a character that the grammar does not allow where it stands
  truncated,       ///< the text ends before its value does
  trailing_data,   ///< something other than white space, a NUL byte for instance, follows the value
  too_deep,        ///< more arrays and objects inside each other than json_options allow, 64 by default
  invalid_utf8,    ///< a string, in a text or in a value to encode, is not UTF-8 (§8.1)
  invalid_escape,  ///< a backslash that does not begin an escape (§7)
  lone_surrogate,  ///< an escape for one half of a UTF-16 pair without the other (§8.2)

  // The values.
  wrong_type,          ///< a JSON value of another type than the field's, or a fraction for an integer
  out_of_range,        ///< a number that the field's type cannot hold
  beyond_limit,        ///< a number, a length or a count that field() does not allow, or not the value of a
                       ///< constant()
  inexact,             ///< a duration that is not a whole number of its unit
  wrong_length,        ///< an array of another length than the field's std::array
  escaped_string,      ///< a string with escapes for a std::string_view, which can only view the text
  unknown_enumerator,  ///< a string that names no value of the enumeration, or a value without a name
  rejected,            ///< a json_codec refused the value

  // The fields.
  missing_field,    ///< a required field is absent
  unknown_field,    ///< a field that the type does not have, where those are refused
  duplicate_field,  ///< a field, a kind or a key of a map stands twice

  // The kind.
  missing_kind,  ///< the object has no kind
  unknown_kind,  ///< no handler takes this kind
  wrong_kind,    ///< another kind than that of the type asked for

  // Encoding.
  not_finite,  ///< NaN or an infinity, which JSON cannot express (§6)
};

namespace detail {

constexpr char const* describe(json_errc value) noexcept {
  switch (value) {
    case json_errc::malformed: return "malformed JSON";
    case json_errc::truncated: return "JSON ends too early";
    case json_errc::trailing_data: return "data after the JSON value";
    case json_errc::too_deep: return "JSON nested too deeply";
    case json_errc::invalid_utf8: return "string that is not UTF-8";
    case json_errc::invalid_escape: return "invalid escape in a string";
    case json_errc::lone_surrogate: return "half of a surrogate pair in a string";
    case json_errc::wrong_type: return "value of the wrong type";
    case json_errc::out_of_range: return "number out of range";
    case json_errc::beyond_limit: return "value beyond its limits";
    case json_errc::inexact: return "duration that would lose a part";
    case json_errc::wrong_length: return "array of the wrong length";
    case json_errc::escaped_string: return "string with escapes where only a plain one can be viewed";
    case json_errc::unknown_enumerator: return "unknown enumerator";
    case json_errc::rejected: return "value was rejected";
    case json_errc::missing_field: return "missing field";
    case json_errc::unknown_field: return "unknown field";
    case json_errc::duplicate_field: return "duplicate field";
    case json_errc::missing_kind: return "message without a kind";
    case json_errc::unknown_kind: return "unknown kind";
    case json_errc::wrong_kind: return "message of another kind";
    case json_errc::not_finite: return "number that is not finite";
  }
  return "unknown JSON error";
}

inline std::string depth_text(unsigned levels) { return "at most " + std::to_string(levels) + " levels"; }

class json_category_type final : public std::error_category {
 public:
  char const* name() const noexcept override { return "kindwire.json"; }
  std::string message(int value) const override { return describe(static_cast<json_errc>(value)); }
};

// The Levenshtein distance, ignoring the case of ASCII letters: `progress` is at no distance from `PROGRESS`.
inline std::size_t edit_distance(std::string_view left, std::string_view right) {
  auto const folded = [](char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  };
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t column = 0; column < row.size(); ++column) row[column] = column;
  for (std::size_t line = 0; line < left.size(); ++line) {
    std::size_t diagonal = row[0];
    row[0] = line + 1;
    for (std::size_t column = 0; column < right.size(); ++column) {
      std::size_t const replaced = diagonal + (folded(left[line]) != folded(right[column]) ? 1U : 0U);
      diagonal = row[column + 1];
      row[column + 1] = (std::min)({replaced, row[column] + 1, row[column + 1] + 1});
    }
  }
  return row[right.size()];
}

}  // namespace detail

/// The category of every kindwire::json_errc. Thread safe.
inline std::error_category const& json_category() noexcept {
  static detail::json_category_type const category;
  return category;
}

/// Found by std::error_code's constructor, so that a kindwire::json_errc converts to one.
inline std::error_code make_error_code(json_errc value) noexcept {
  return {static_cast<int>(value), json_category()};
}

/// Why a text could not be decoded, or a value not encoded. It owns its strings: it outlives the text.
struct json_error {
  json_errc code{};        ///< what is wrong
  std::size_t offset = 0;  ///< bytes from the beginning of the text; when encoding, of a raw_json, or 0
  std::string path{};      ///< which value, as a JSON Pointer (RFC 6901): `/items/3/value`; may be empty
  std::string expected{};  ///< what should be there: `a number`; may be empty
  std::string found{};     ///< what is there: `a string`, a number's digits, a kind; at most 64 bytes
  std::span<std::string_view const> known{};  ///< the kinds or enumerators that would have been right
  std::shared_ptr<void const> known_owner{};  ///< keeps them alive, where they are not those of a type

  /// The known name of which `found` seems to be a misspelling; empty if there is none.
  std::string_view suggestion() const {
    std::string_view nearest;
    std::size_t least = found.size() / 3 + 1;
    for (std::string_view const name : known) {
      if (std::size_t const distance = detail::edit_distance(found, name); distance < least) {
        least = distance;
        nearest = name;
      }
    }
    return nearest;
  }

  /// A sentence for a log: `field "value": expected a number, found a string`. It is UTF-8: control
  /// characters and invalid bytes that the peer sent appear as `\xNN`.
  std::string message() const {
    std::string out;
    switch (code) {
      case json_errc::missing_field:
      case json_errc::unknown_field:
      case json_errc::duplicate_field:
        out += detail::describe(code);
        out += ' ';
        detail::append_quoted(out, field_name());
        return out;
      case json_errc::unknown_kind:
        append_field(out, 1);
        out += "unknown kind ";
        detail::append_quoted(out, found);
        append_known(out);
        return out;
      case json_errc::unknown_enumerator:
        append_field(out, 0);
        out += "unknown value ";
        detail::append_quoted(out, found);
        append_known(out);
        return out;
      case json_errc::missing_kind:
        append_field(out, 1);
        out += detail::describe(code);
        return out;
      case json_errc::wrong_kind:
        append_field(out, 1);
        out += "expected kind ";
        detail::append_quoted(out, expected);
        out += ", found ";
        detail::append_quoted(out, found);
        return out;
      case json_errc::wrong_type:
      case json_errc::out_of_range:
      case json_errc::beyond_limit:
      case json_errc::inexact:
      case json_errc::wrong_length: append_field(out, 0); break;
      default:
        append_field(out, 0);
        out += detail::describe(code);
        if (code <= json_errc::lone_surrogate) out += " at byte " + std::to_string(offset);
        if (!expected.empty()) out += ": ";
    }
    if (!expected.empty()) {
      out += "expected ";
      detail::append_printable(out, expected);
      if (!found.empty()) {
        out += ", found ";
        detail::append_printable(out, found);
      }
    }
    return out;
  }

  /// The code alone, for callers that use std::error_code.
  explicit operator std::error_code() const noexcept { return make_error_code(code); }

 private:
  std::string_view field_name(std::size_t levels_up = 0) const {
    std::string_view name = path;
    for (; levels_up != 0 && !name.empty(); --levels_up) name = name.substr(0, name.rfind('/'));
    return name.empty() ? name : name.substr(1);
  }

  void append_field(std::string& out, std::size_t levels_up) const {
    std::string_view const name = field_name(levels_up);
    if (name.empty()) return;
    out += "field ";
    detail::append_quoted(out, name);
    out += ": ";
  }

  void append_known(std::string& out) const {
    if (std::string_view const name = suggestion(); !name.empty()) {
      out += "; did you mean ";
      detail::append_quoted(out, name);
      out += '?';
      return;
    }
    constexpr std::size_t most = 16;
    char const* separator = "; known: ";
    for (std::string_view const name : known.first((std::min)(known.size(), most))) {
      out += separator;
      detail::append_quoted(out, name);
      separator = ", ";
    }
    if (known.size() > most) out += " and " + std::to_string(known.size() - most) + " more";
  }
};

}  // namespace kindwire

template <>
struct std::is_error_code_enum<kindwire::json_errc> : std::true_type {};
