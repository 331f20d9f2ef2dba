// What a peer is told about its bad message: a message itself.
#pragma once

#include <string>
#include <string_view>

#include "error.hpp"
#include "schema.hpp"

namespace kindwire {

/// `{"kind":"ERROR","code":"unknown_kind","path":"/kind","message":"unknown kind \"UPLOD\"; known: …"}`
struct error_message {
  std::string code;          ///< for programs: a json_errc by name, or a word of the application's
  std::string path = {};     ///< which value, as a JSON Pointer; may be empty
  std::string message = {};  ///< for people

  static constexpr auto schema =
      kind("ERROR", field("code", &error_message::code), field("path", &error_message::path, defaulted),
           field("message", &error_message::message, defaulted));
};

/// The name of a code: "unknown_kind".
constexpr std::string_view to_string(json_errc code) noexcept {
  switch (code) {
    case json_errc::malformed: return "malformed";
    case json_errc::truncated: return "truncated";
    case json_errc::trailing_data: return "trailing_data";
    case json_errc::too_deep: return "too_deep";
    case json_errc::invalid_utf8: return "invalid_utf8";
    case json_errc::invalid_escape: return "invalid_escape";
    case json_errc::lone_surrogate: return "lone_surrogate";
    case json_errc::wrong_type: return "wrong_type";
    case json_errc::out_of_range: return "out_of_range";
    case json_errc::beyond_limit: return "beyond_limit";
    case json_errc::inexact: return "inexact";
    case json_errc::wrong_length: return "wrong_length";
    case json_errc::escaped_string: return "escaped_string";
    case json_errc::unknown_enumerator: return "unknown_enumerator";
    case json_errc::rejected: return "rejected";
    case json_errc::missing_field: return "missing_field";
    case json_errc::unknown_field: return "unknown_field";
    case json_errc::duplicate_field: return "duplicate_field";
    case json_errc::missing_kind: return "missing_kind";
    case json_errc::unknown_kind: return "unknown_kind";
    case json_errc::wrong_kind: return "wrong_kind";
    case json_errc::not_finite: return "not_finite";
  }
  return "invalid";
}

/// The error as a message for the peer that caused it. It can be encoded whatever the peer sent.
inline error_message to_message(json_error const& error) {
  error_message message{std::string{to_string(error.code)}};
  detail::append_utf8_only(message.path, error.path);
  message.message = error.message();
  return message;
}

}  // namespace kindwire
