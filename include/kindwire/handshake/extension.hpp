// Sec-WebSocket-Extensions: RFC 6455 §9.1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "grammar.hpp"
#include "headers.hpp"

namespace kindwire {

/// `name` or `name=value`; a quoted value is held unquoted, since both spellings mean the same.
struct extension_parameter {
  std::string name;
  std::optional<std::string> value;

  friend bool operator==(extension_parameter const&, extension_parameter const&) = default;
};

/// An extension with its parameters, in their order.
struct extension {
  std::string name;
  std::vector<extension_parameter> parameters;

  friend bool operator==(extension const&, extension const&) = default;
};

namespace detail {

// One pass without backtracking: linear for any input.
class extension_reader {
 public:
  explicit extension_reader(std::string_view text) noexcept : rest_(text) {}

  bool read(std::vector<extension>& result) {
    while (true) {
      skip_space();
      if (!rest_.empty() && rest_.front() != ',') {
        extension& next = result.emplace_back();
        if (!read_extension(next)) return false;
      }
      if (rest_.empty()) return true;
      if (!skip(',')) return false;
    }
  }

 private:
  // token *( ";" token [ "=" ( token / quoted-string ) ] ), with spaces anywhere between them (§9.1: "implied
  // *LWS rule").
  bool read_extension(extension& result) {
    if (!read_token(result.name)) return false;
    while (skip(';')) {
      extension_parameter& next = result.parameters.emplace_back();
      skip_space();
      if (!read_token(next.name)) return false;
      if (!skip('=')) continue;
      skip_space();
      std::string& value = next.value.emplace();
      if (!(rest_.starts_with('"') ? read_quoted(value) : read_token(value))) return false;
    }
    return true;
  }

  bool read_token(std::string& result) {
    std::size_t size = 0;
    while (size < rest_.size() && is_token_character(rest_[size])) ++size;
    result = rest_.substr(0, size);
    rest_.remove_prefix(size);
    skip_space();
    return size != 0;
  }

  // "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to
  // the 'token' ABNF."
  bool read_quoted(std::string& result) {
    rest_.remove_prefix(1);
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty() || !is_token_character(rest_.front())) return false;
      result += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!skip('"')) return false;
    skip_space();
    return !result.empty();
  }

  void skip_space() noexcept {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }

  bool skip(char expected) noexcept {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view rest_;
};

}  // namespace detail

/// The extensions of one field value, in order; nothing if it is malformed or has no extensions. Thread safe.
inline std::optional<std::vector<extension>> parse_extensions(std::string_view value) {
  std::vector<extension> result;
  if (!detail::extension_reader{value}.read(result) || result.empty()) return std::nullopt;
  return result;
}

/// The extensions of all Sec-WebSocket-Extensions fields together (RFC 6455 §9.1); none if there is no such
/// field, nothing if they are malformed. Thread safe.
inline std::optional<std::vector<extension>> parse_extensions(headers const& fields) {
  std::vector<extension> result;
  bool present = false;
  for (auto const [name, value] : fields) {
    if (!detail::equal_ignoring_case(name, "Sec-WebSocket-Extensions")) continue;
    present = true;
    if (!detail::extension_reader{value}.read(result)) return std::nullopt;
  }
  if (present && result.empty()) return std::nullopt;
  return result;
}

/// The extensions as a field value. Names and values must be tokens; otherwise parse_extensions() rejects the
/// list.
inline std::string format_extensions(std::vector<extension> const& list) {
  std::string text;
  for (extension const& each : list) {
    if (!text.empty()) text += ", ";
    text += each.name;
    for (extension_parameter const& parameter : each.parameters) {
      text += "; ";
      text += parameter.name;
      if (parameter.value) {
        text += '=';
        text += *parameter.value;
      }
    }
  }
  return text;
}

/// No error if each extension of the answer was offered, and none is repeated (RFC 6455 §4.1, §9.1), else
/// error::handshake_extension. Parameters are left to the extension. Thread safe.
inline std::error_code check_answered_extensions(std::vector<extension> const& answered,
                                                 std::vector<extension> const& offered) {
  auto const named = [](std::string_view name) {
    return [name](extension const& each) { return each.name == name; };
  };
  for (auto each = answered.begin(); each != answered.end(); ++each) {
    bool const known = std::any_of(offered.begin(), offered.end(), named(each->name));
    if (!known || std::any_of(answered.begin(), each, named(each->name))) return error::handshake_extension;
  }
  return {};
}

}  // namespace kindwire
