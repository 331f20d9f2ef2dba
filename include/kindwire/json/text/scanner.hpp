// The tokens of a JSON text (RFC 8259), pulled one at a time: strict and bounded, whatever the text is.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "../description/types.hpp"
#include "../error.hpp"
#include "number.hpp"
#include "strings.hpp"

namespace kindwire::detail {

/// A cursor over a text. Every function returns false after an error, which is kept; then only prepend_path()
/// and its like, and take_error(), may be called. The text must outlive it.
class json_scanner {
 public:
  explicit json_scanner(std::string_view text, unsigned max_depth = json_max_depth) noexcept
      : begin_(text.data()),
        position_(text.data()),
        end_(text.data() + text.size()),
        max_depth_((std::min)(max_depth, json_depth_limit)) {}

  json_scanner(json_scanner const&) = delete;
  json_scanner& operator=(json_scanner const&) = delete;

  bool fail_at(char const* where, json_errc code, std::string_view expected = {},
               std::string_view found = {});
  bool fail_type(std::string_view expected);
  bool fail_known(std::span<std::string_view const> known) {
    error_->known = known;
    return false;
  }
  void prepend_path(std::string_view name) { prepend_step(error_->path, name); }
  json_error take_error() { return std::move(*error_); }

  char const* position() const noexcept { return position_; }
  void rewind(char const* position, unsigned depth) noexcept {
    position_ = position;
    depth_ = depth;
  }
  unsigned depth() const noexcept { return depth_; }
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - position_); }

  void skip_space() noexcept {
    // Messages are compact, most of the time.
    if (position_ != end_ && static_cast<unsigned char>(*position_) <= ' ') pass_space();
  }

  /// The next byte, or NUL at the end: a NUL is refused wherever it stands.
  char peek() const noexcept { return position_ == end_ ? '\0' : *position_; }

  bool enter(char bracket, std::string_view expected) {
    skip_space();
    if (peek() != bracket) return fail_type(expected);
    if (depth_ >= max_depth_) return fail_depth();
    ++depth_;
    ++position_;
    return true;
  }

  /// Goes to the next element or member of the innermost array or object, or leaves it: `more` tells which.
  bool next(char bracket, bool& first, bool& more) {
    skip_space();
    char const letter = peek();
    if (letter == bracket) {
      ++position_;
      --depth_;
      more = false;
      return true;
    }
    if (!first) {
      if (letter != ',') return fail_token(bracket == '}' ? "',' or '}'" : "',' or ']'");
      ++position_;
      skip_space();
    }
    first = false;
    more = true;
    return true;
  }

  /// A member's name and the colon. The view is valid until the next name or string.
  bool key(std::string_view& name) {
    if (peek() != '"') return fail_token("a field name");
    if (!string(name)) return false;
    skip_space();
    if (peek() != ':') return fail_token("':'");
    ++position_;
    return true;
  }

  /// A string whose beginning has been seen, decoded. The view is valid until the next name or string;
  /// in_text() tells whether it is one into the text.
  bool string(std::string_view& value) {
    bool escaped = false;
    if (!plain_string(value, escaped)) return false;
    if (!escaped) return true;
    if (!unescape(&scratch_)) return false;
    value = scratch_;
    return true;
  }

  /// Replaces the string that strings with escapes are decoded into, by one that may have room already.
  void swap_scratch(std::string& other) noexcept { scratch_.swap(other); }

  bool in_text(std::string_view view) const noexcept { return view.data() != scratch_.data(); }

  /// A string whose beginning has been seen. Without escapes: checked, viewed, passed. With them: `escaped`,
  /// and it is left where it is, for unescape().
  bool plain_string(std::string_view& value, bool& escaped) {
    char const* const first = position_ + 1;
    char const* last = first;
    // A short string that is not at the text's end: most are.
    if (end_ - first >= 16) {
      if (auto const marks = special_bytes(first); marks.any()) {
        last += marks.first();
        if (*last == '"') {
          value = {first, static_cast<std::size_t>(last - first)};
          position_ = last + 1;
          return true;
        }
      } else {
        last += 16;
      }
    }
    return any_string(last, value, escaped);
  }

  /// Passes this text, which is not empty, if it comes next.
  bool pass(std::string_view text) noexcept {
    if (static_cast<std::size_t>(end_ - position_) < text.size() ||
        !same_bytes(position_, text.data(), text.size()))
      return false;
    position_ += text.size();
    return true;
  }

  bool unescape(std::string* out);
  bool literal(std::string_view word);
  /// `value` is newly made.
  bool number(json_number& value, std::string_view expected);
  bool skip_value();

  /// Only white space may follow. A NUL byte is not white space.
  bool finish() {
    skip_space();
    return position_ == end_ || fail_at(position_, json_errc::trailing_data);
  }

 private:
  // The rarer cases of the inline functions above.
  void pass_space() noexcept;
  // Everything before `last` is known to be plain.
  bool any_string(char const* last, std::string_view& value, bool& escaped);
  bool any_number(json_number& value, std::string_view expected);
  bool fail_token(std::string_view expected);
  KINDWIRE_COLD bool fail_depth() { return fail_at(position_, json_errc::too_deep, depth_text(max_depth_)); }

  char const* begin_;
  char const* position_;
  char const* end_;
  unsigned depth_ = 0;
  unsigned max_depth_;
  std::string scratch_;
  std::optional<json_error> error_;
};

KINDWIRE_NOINLINE inline void json_scanner::pass_space() noexcept {
  while (position_ != end_ &&
         (*position_ == ' ' || *position_ == '\n' || *position_ == '\r' || *position_ == '\t')) {
    ++position_;
  }
}

KINDWIRE_NOINLINE inline bool json_scanner::fail_at(char const* where, json_errc code,
                                                    std::string_view expected, std::string_view found) {
  error_.emplace();
  error_->code = code;
  error_->offset = static_cast<std::size_t>(where - begin_);
  error_->expected = expected;
  error_->found = cut_text(found, 64);
  return false;
}

/// What comes next is not a value of the type wanted, or not JSON at all: `null` is a value, `not json` is
/// not. A string, a number or a literal is checked as a whole, with what follows it; of an array or an object
/// only the bracket.
KINDWIRE_NOINLINE inline bool json_scanner::fail_type(std::string_view expected) {
  char const* const begin = position_;
  char const letter = peek();
  std::string_view found;
  std::string_view word;
  switch (letter) {
    case '"': found = "a string"; break;
    case '{': found = "an object"; break;
    case '[': found = "an array"; break;
    case 't': found = "a boolean", word = "true"; break;
    case 'f': found = "a boolean", word = "false"; break;
    case 'n': found = "null", word = "null"; break;
    default:
      if (letter != '-' && (letter < '0' || letter > '9')) return fail_token(expected);
      found = "a number";
  }
  if (letter != '{' && letter != '[') {
    if (!word.empty() && !pass(word)) {
      // A word that is cut off may have been meant; any other was not.
      std::string_view const rest{position_, static_cast<std::size_t>(end_ - position_)};
      return word.starts_with(rest) ? literal(word) : fail_token(expected);
    }
    if (word.empty() && !skip_value()) return false;
    skip_space();
    char const next = peek();
    bool const inside = depth_ != 0;
    if (position_ != end_ && !(inside && (next == ',' || next == ']' || next == '}'))) {
      return fail_token(inside ? "',' or a closing bracket" : "the end of the text");
    }
    position_ = begin;
  }
  return fail_at(position_, json_errc::wrong_type, expected, found);
}

/// The grammar does not allow what comes next.
KINDWIRE_NOINLINE inline bool json_scanner::fail_token(std::string_view expected) {
  if (position_ == end_) return fail_at(position_, json_errc::truncated, expected);
  char const letter = *position_;
  auto const byte = static_cast<unsigned char>(letter);
  constexpr char digits[] = "0123456789abcdef";
  char const printable[] = {'\'', letter, '\''};
  char const hexadecimal[] = {'b', 'y', 't', 'e', ' ', '0', 'x', digits[byte >> 4], digits[byte & 0xF]};
  bool const shown = byte > 0x20 && byte < 0x7F;
  return fail_at(position_, json_errc::malformed, expected,
                 shown ? std::string_view{printable, sizeof printable}
                       : std::string_view{hexadecimal, sizeof hexadecimal});
}

KINDWIRE_NOINLINE inline bool json_scanner::any_string(char const* last, std::string_view& value,
                                                       bool& escaped) {
  char const* const first = position_ + 1;
  for (;;) {
    last = skip_plain(begin_, last, end_);
    if (last == end_) return fail_at(end_, json_errc::truncated, "'\"'");
    if (*last == '"') break;
    if (*last == '\\') {
      escaped = true;
      return true;
    }
    if (static_cast<unsigned char>(*last) < 0x20) {
      position_ = last;
      return fail_token("no control character in a string");
    }
    if (!skip_utf8_run(last, end_)) return fail_at(last, json_errc::invalid_utf8);
  }
  value = {first, static_cast<std::size_t>(last - first)};
  position_ = last + 1;
  return true;
}

/// Decodes and passes a string with escapes. Without `out`, it is only checked.
inline bool json_scanner::unescape(std::string* out) {
  unescaped const result = unescape_string(position_, end_, out);
  position_ = result.position;
  if (result.code == json_errc::malformed) return fail_token("no control character in a string");
  return result.code == json_errc{} || fail_at(position_, result.code);
}

inline bool json_scanner::literal(std::string_view word) {
  for (char const letter : word) {
    if (peek() != letter) return fail_token(word);
    ++position_;
  }
  return true;
}

inline bool json_scanner::number(json_number& value, std::string_view expected) {
  char const* const first = peek() == '-' ? position_ + 1 : position_;
  unsigned const size = read_short_number(load_word(begin_, first, end_), value);
  if (size == 0) return any_number(value, expected);
  value.negative = first != position_;
  value.text = {position_, static_cast<std::size_t>(first - position_) + size};
  position_ = first + size;
  return true;
}

/// RFC 8259 §6. Exponents are clamped as they are read: `0.0000000001e-2147483639` overflows nothing.
KINDWIRE_NOINLINE inline bool json_scanner::any_number(json_number& value, std::string_view expected) {
  char const* at = position_;
  auto const fail_digit = [&] {
    position_ = at;
    return fail_token("a digit");
  };
  value.negative = at != end_ && *at == '-';
  if (value.negative) ++at;
  char const* const first = at;
  pass_digits(begin_, at, end_, value.magnitude);
  std::ptrdiff_t digits = at - first;
  if (digits == 0) return value.negative ? fail_digit() : fail_type(expected);
  if (*first == '0' && digits != 1) {
    position_ = first + 1;
    return fail_token("no digit after a leading zero");
  }
  value.overflow =
      digits > 19 && digits_overflow(std::string_view(first, static_cast<std::size_t>(at - first)));
  if (at != end_ && *at == '.') {
    char const* const fraction = ++at;
    pass_digits(begin_, at, end_, value.magnitude);
    if (at == fraction) return fail_digit();
    digits += at - fraction;
    value.integral = false;
    value.overflow = digits > 19;
    value.power = static_cast<std::int32_t>(std::max<std::ptrdiff_t>(fraction - at, -10'000));
  }
  if (at != end_ && (*at == 'e' || *at == 'E')) {
    ++at;
    bool const lowered = at != end_ && *at == '-';
    if (at != end_ && (*at == '+' || *at == '-')) ++at;
    char const* const digit = at;
    std::int32_t exponent = 0;
    for (; at != end_ && *at >= '0' && *at <= '9'; ++at)
      exponent = (std::min)(exponent * 10 + (*at - '0'), 100'000);
    if (at == digit) return fail_digit();
    value.integral = false;
    value.power += lowered ? -exponent : exponent;
  }
  value.text = {position_, static_cast<std::size_t>(at - position_)};
  position_ = at;
  return true;
}

/// Passes a value of any type, checked like any other: a message with a broken part has no good parts.
inline bool json_scanner::skip_value() {
  // One bit a level, set for an object: one word is the whole stack of most messages. Whenever its 64 levels
  // are full, it is put aside.
  std::uint64_t objects = 0;
  std::array<std::uint64_t, json_depth_limit / 64> aside;
  unsigned const outside = depth_;
  auto const is_full = [&] { return (depth_ - outside) % 64 == 0 && depth_ != outside; };
  bool first = false;
  for (;;) {
    skip_space();
    bool passed = true;
    std::string_view view;
    switch (peek()) {
      case '{':
      case '[':
        if (is_full()) aside[(depth_ - outside) / 64 - 1] = objects;
        objects = objects << 1 | (peek() == '{' ? 1U : 0U);
        passed = enter(peek(), {});
        first = true;
        break;
      case '"': {
        bool escaped = false;
        passed = plain_string(view, escaped) && (!escaped || unescape(nullptr));
        break;
      }
      case 't': passed = literal("true"); break;
      case 'f': passed = literal("false"); break;
      case 'n': passed = literal("null"); break;
      default: {
        json_number ignored;
        passed = number(ignored, "a value");
      }
    }
    if (!passed) return false;
    // A value is complete, or a level was entered: leave the levels that end here, and stop before the next
    // value.
    for (bool more = false; !more;) {
      if (depth_ == outside) return true;
      bool const object = (objects & 1) != 0;
      if (!next(object ? '}' : ']', first, more)) return false;
      if (more) {
        if (object && !key(view)) return false;
      } else {
        objects = is_full() ? aside[(depth_ - outside) / 64 - 1] : objects >> 1;
        first = false;
      }
    }
  }
}

}  // namespace kindwire::detail
