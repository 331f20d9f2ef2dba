// The head of an HTTP/1.x message, from bytes that arrive in any pieces: RFC 9112 §2–§5.
//
// It is strict: whatever two programs on the way read differently can smuggle a request past one of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "grammar.hpp"
#include "headers.hpp"

namespace kindwire {

/// How much a peer may send before the handshake is over.
struct head_limits {
  std::size_t max_line = 8192;    ///< bytes of one line without its CRLF; a usual limit of servers
  std::size_t max_head = 16384;   ///< bytes from the first line to the empty one: room for large cookies
  std::size_t max_headers = 100;  ///< header fields; browsers send about 20
};

/// The state of a handshake, or of reading a head.
enum class handshake_status : std::uint8_t {
  reading,  ///< more bytes are needed
  ready,    ///< complete and valid
  failed,   ///< a rule is broken: see error(). Further bytes are ignored
};

/// Reads one message head. Each byte is examined once, and the first invalid one fails it.
///
/// Rejects a space before the colon, folded lines, a CR or LF alone, NUL and other control characters, empty
/// names (RFC 9112 §2.2, §5). Errors: error::http_malformed, http_version, http_target, http_line_too_long
/// (the first line), http_head_too_large (another line, or all), http_too_many_headers. Views are valid until
/// it is changed, moved or destroyed. Not thread safe.
class head_parser {
 public:
  enum class kind : std::uint8_t { request, response };

  explicit head_parser(kind of, head_limits limits = {}) noexcept
      : limits_(limits),
        kind_(of),
        leading_(of == kind::request ? leading::none : leading::over),
        state_(of == kind::request ? state::method : state::version) {
    limits_.max_head = std::min<std::size_t>(limits_.max_head, UINT32_MAX);
  }

  /// Takes bytes from the front of `bytes` and returns how many: all of them, unless the head has ended. What
  /// follows the head is not taken.
  std::size_t put(std::string_view bytes) {
    std::size_t used = 0;
    // RFC 9112 §2.2: a server ignores one empty line before the request line.
    while (used < bytes.size() && leading_ != leading::over) {
      if (!skip_leading_line(bytes[used])) break;
      ++used;
    }
    std::size_t const skipped = used;
    while (used < bytes.size() && status_ == handshake_status::reading) take(bytes[used++]);
    if (status_ == handshake_status::failed) return bytes.size();
    fields_.text_ += bytes.substr(skipped, used - skipped);
    return used;
  }

  handshake_status status() const noexcept { return status_; }
  std::error_code error() const noexcept { return error_; }

  /// True once any byte of the head, not of an empty line before it, was taken.
  bool begun() const noexcept { return position_ != 0 || status_ != handshake_status::reading; }

  // The parts, once status() is ready.
  /// The method of a request, as sent: methods are case-sensitive.
  std::string_view method() const noexcept { return fields_.view(first_); }
  /// The target of a request, as sent: it begins with `/` or a letter and is visible ASCII without `#`.
  std::string_view target() const noexcept { return fields_.view(second_); }
  /// The status code of a response: 100 to 999.
  unsigned status_code() const noexcept { return status_code_; }
  /// The x of HTTP/1.x.
  unsigned minor_version() const noexcept { return minor_version_; }
  kindwire::headers const& headers() const noexcept { return fields_; }
  /// The header fields, moved out of here.
  kindwire::headers take_headers() noexcept { return std::move(fields_); }

 private:
  // How much of an empty line before the first one has arrived.
  enum class leading : std::uint8_t { none, cr, over };

  enum class state : std::uint8_t {
    method,
    target,
    version,
    version_end,
    status_code,
    status_end,
    reason,
    line_lf,
    line_start,
    name,
    value_start,
    value,
    head_lf,
  };

  // False if `c` is not part of it.
  bool skip_leading_line(char c) noexcept {
    if (leading_ == leading::none && c == '\r') {
      leading_ = leading::cr;
      return true;
    }
    bool const lf_is_due = std::exchange(leading_, leading::over) == leading::cr;
    if (lf_is_due && c != '\n') fail(kindwire::error::http_malformed);
    return lf_is_due && c == '\n';
  }

  void take(char c) {
    if (!within_limits(c)) return;
    switch (state_) {
      case state::method: take_method(c); break;
      case state::target: take_target(c); break;
      case state::version: take_version(c); break;
      case state::version_end: take_version_end(c); break;
      case state::status_code: take_status_code(c); break;
      case state::status_end: take_status_end(c); break;
      case state::reason: take_reason(c); break;
      case state::line_lf: take_lf(c); break;
      case state::line_start: take_line_start(c); break;
      case state::name: take_name(c); break;
      case state::value_start: take_value_start(c); break;
      case state::value: take_value(c); break;
      case state::head_lf:
        if (c != '\n') return fail(kindwire::error::http_malformed);
        status_ = handshake_status::ready;
        break;
    }
    ++position_;
  }

  bool within_limits(char c) noexcept {
    if (position_ - line_begin_ >= limits_.max_line && c != '\r' && c != '\n') {
      fail(line_begin_ == 0 ? kindwire::error::http_line_too_long : kindwire::error::http_head_too_large);
    } else if (position_ >= limits_.max_head) {
      fail(kindwire::error::http_head_too_large);
    }
    return status_ == handshake_status::reading;
  }

  void take_method(char c) noexcept {
    if (c == ' ' && position_ != 0) {
      first_.size = position_;
      begin(second_, state::target);
    } else if (!detail::is_token_character(c)) {
      fail(kindwire::error::http_malformed);
    }
  }

  void take_target(char c) noexcept {
    if (c == ' ' && position_ != second_.begin) {
      end(second_);
      state_ = state::version;
    } else if (!detail::is_field_character(c) || detail::is_space(c)) {
      fail(kindwire::error::http_malformed);
    } else if (static_cast<unsigned char>(c) >= 0x80 || c == '#') {
      fail(kindwire::error::http_target);
    } else if (position_ == second_.begin && c != '/' && !detail::is_letter(c)) {
      fail(kindwire::error::http_target);
    }
  }

  // "HTTP/" and one digit, a dot and one digit (RFC 9112 §2.3).
  void take_version(char c) noexcept {
    constexpr std::string_view prefix = "HTTP/1.";
    if (matched_ < prefix.size()) {
      if (c != prefix[matched_]) {
        bool const other_version = matched_ == 5 && detail::is_digit(c);
        return fail(other_version ? kindwire::error::http_version : kindwire::error::http_malformed);
      }
      ++matched_;
      return;
    }
    if (!detail::is_digit(c)) return fail(kindwire::error::http_malformed);
    minor_version_ = static_cast<unsigned>(c - '0');
    state_ = state::version_end;
  }

  void take_version_end(char c) noexcept {
    if (kind_ == kind::request) {
      if (c != '\r') return fail(kindwire::error::http_malformed);
      state_ = state::line_lf;
    } else {
      if (c != ' ') return fail(kindwire::error::http_malformed);
      begin(first_, state::status_code);
    }
  }

  void take_status_code(char c) noexcept {
    if (!detail::is_digit(c) || (c == '0' && position_ == first_.begin)) {
      return fail(kindwire::error::http_malformed);
    }
    status_code_ = status_code_ * 10 + static_cast<unsigned>(c - '0');
    if (position_ - first_.begin == 2) state_ = state::status_end;
  }

  // RFC 9112 §4 requires a space even before an empty reason; many servers leave it out.
  void take_status_end(char c) noexcept {
    if (c == '\r') {
      state_ = state::line_lf;
    } else if (c == ' ') {
      state_ = state::reason;
    } else {
      fail(kindwire::error::http_malformed);
    }
  }

  void take_reason(char c) noexcept {
    if (c == '\r') {
      state_ = state::line_lf;
    } else if (!detail::is_field_character(c)) {
      fail(kindwire::error::http_malformed);
    }
  }

  // RFC 9112 §2.2 allows a recipient to accept a lone LF as the end of a line; we do not.
  void take_lf(char c) noexcept {
    if (c != '\n') return fail(kindwire::error::http_malformed);
    line_begin_ = position_ + 1;
    state_ = state::line_start;
  }

  void take_line_start(char c) {
    if (c == '\r') {
      state_ = state::head_lf;
    } else if (!detail::is_token_character(c)) {  // also a folded line (RFC 9112 §5.2) and an empty name
      fail(kindwire::error::http_malformed);
    } else if (fields_.fields_.size() >= limits_.max_headers) {
      fail(kindwire::error::http_too_many_headers);
    } else {
      fields_.fields_.push_back({{position_, 0}, {}});
      state_ = state::name;
    }
  }

  void take_name(char c) noexcept {
    if (c == ':') {
      end(fields_.fields_.back().name);
      state_ = state::value_start;
    } else if (!detail::is_token_character(c)) {  // also a space before the colon (RFC 9112 §5.1)
      fail(kindwire::error::http_malformed);
    }
  }

  void take_value_start(char c) noexcept {
    if (detail::is_space(c)) return;
    fields_.fields_.back().value.begin = position_;
    state_ = state::value;
    take_value(c);
  }

  void take_value(char c) noexcept {
    headers::range& value = fields_.fields_.back().value;
    if (c == '\r') {
      state_ = state::line_lf;
    } else if (!detail::is_field_character(c)) {
      fail(kindwire::error::http_malformed);
    } else if (!detail::is_space(c)) {
      value.size = position_ + 1 - value.begin;  // leaves out trailing spaces
    }
  }

  // A part that begins with the next byte.
  void begin(headers::range& part, state next) noexcept {
    part.begin = position_ + 1;
    state_ = next;
  }
  // A part that ended with the byte before this one.
  void end(headers::range& part) const noexcept { part.size = position_ - part.begin; }

  void fail(kindwire::error why) noexcept {
    error_ = why;
    status_ = handshake_status::failed;
  }

  kindwire::headers fields_;
  std::error_code error_;
  head_limits limits_;
  std::uint32_t position_ = 0;  // of the current byte, from the first line on
  std::uint32_t line_begin_ = 0;
  headers::range first_;   // method, or status code
  headers::range second_;  // target
  unsigned status_code_ = 0;
  unsigned minor_version_ = 0;
  std::uint8_t matched_ = 0;
  kind kind_;
  leading leading_;
  state state_;
  handshake_status status_ = handshake_status::reading;
};

}  // namespace kindwire
