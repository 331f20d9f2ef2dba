// The header fields of an HTTP message, as they were received and as we write them: RFC 9110 §5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar.hpp"

namespace kindwire {

class head_parser;

/// Header fields to be written, in order: name and value.
using header_list = std::vector<std::pair<std::string, std::string>>;

/// One received header field. The value is without surrounding whitespace.
struct header_field {
  std::string_view name;
  std::string_view value;
};

/// The header fields of a received message, in order. Names are compared ignoring case (RFC 9110 §5.1).
///
/// It owns its text; views into it are valid until it is changed, moved or destroyed. Copies are independent.
/// Reading is thread safe.
class headers {
 public:
  headers() = default;

  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  header_field operator[](std::size_t index) const noexcept {
    return {view(fields_[index].name), view(fields_[index].value)};
  }

  /// The value of the first field of that name.
  std::optional<std::string_view> first(std::string_view name) const noexcept {
    for (field const& each : fields_) {
      if (detail::equal_ignoring_case(view(each.name), name)) return view(each.value);
    }
    return std::nullopt;
  }

  /// The values of all fields of that name.
  std::vector<std::string_view> all(std::string_view name) const {
    std::vector<std::string_view> values;
    for_each(name, [&](std::string_view value) { values.push_back(value); });
    return values;
  }

  /// How many fields have that name.
  std::size_t count(std::string_view name) const noexcept {
    std::size_t number = 0;
    for_each(name, [&](std::string_view) { ++number; });
    return number;
  }

  /// The value of the field of that name; nothing if it is absent or occurs more than once.
  std::optional<std::string_view> only(std::string_view name) const noexcept {
    if (count(name) != 1) return std::nullopt;
    return first(name);
  }

  /// True if `token` is an element of the comma-separated list that the fields of that name form together,
  /// ignoring case: `Connection: keep-alive, Upgrade` has `upgrade`, `Connection: notupgrade` does not.
  bool has_token(std::string_view name, std::string_view token) const noexcept {
    bool found = false;
    for_each(name, [&](std::string_view value) {
      found = found || !detail::for_each_element(value, [&](std::string_view element) {
                return !detail::equal_ignoring_case(element, token);
              });
    });
    return found;
  }

  /// True if the list that the fields of that name form together has an element, valid or not: empty ones do
  /// not count (RFC 9110 §5.6.1).
  bool has_elements(std::string_view name) const noexcept {
    bool found = false;
    for_each(name, [&](std::string_view value) {
      found = found || value.find_first_not_of(", \t") != std::string_view::npos;
    });
    return found;
  }

  /// The elements of the list of tokens (`1#token`, RFC 9110 §5.6.1) that the fields of that name form
  /// together; none if there is no such field. Nothing if it is malformed: an element is not a token, or the
  /// fields have no elements.
  std::optional<std::vector<std::string_view>> tokens(std::string_view name) const {
    std::vector<std::string_view> elements;
    bool present = false;
    bool valid = true;
    for_each(name, [&](std::string_view value) {
      present = true;
      valid = valid && detail::for_each_element(value, [&](std::string_view element) {
                elements.push_back(element);
                return detail::is_token(element);
              });
    });
    if (!valid || (present && elements.empty())) return std::nullopt;
    return elements;
  }

  /// Iterates over the fields; dereferencing gives a header_field.
  class iterator {
   public:
    iterator(headers const* owner, std::size_t index) noexcept : owner_(owner), index_(index) {}
    header_field operator*() const noexcept { return (*owner_)[index_]; }
    iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    bool operator==(iterator const& other) const noexcept { return index_ == other.index_; }

   private:
    headers const* owner_;
    std::size_t index_;
  };

  iterator begin() const noexcept { return {this, 0}; }
  iterator end() const noexcept { return {this, fields_.size()}; }

 private:
  friend class head_parser;

  // Positions, not views, so that a copy does not point into the original.
  struct range {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct field {
    range name;
    range value;
  };

  std::string_view view(range where) const noexcept {
    return std::string_view{text_}.substr(where.begin, where.size);
  }

  template <class Use>
  void for_each(std::string_view name, Use use) const {
    for (field const& each : fields_) {
      if (detail::equal_ignoring_case(view(each.name), name)) use(view(each.value));
    }
  }

  std::string text_;
  std::vector<field> fields_;
};

namespace detail {

inline bool names_any_of(std::string_view name, std::initializer_list<std::string_view> names) noexcept {
  for (std::string_view const each : names) {
    if (equal_ignoring_case(name, each)) return true;
  }
  return false;
}

inline bool is_websocket_field(std::string_view name) noexcept {
  constexpr std::string_view prefix = "Sec-WebSocket-";
  return equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// Fields that only the handshake itself may write: they determine where the head and the body end, and what
// becomes of the connection.
inline bool is_framing_field(std::string_view name) noexcept {
  return names_any_of(name, {"Connection", "Content-Length", "Transfer-Encoding"});
}

// A CR, LF or NUL in a header could split the message in two: all control characters are refused.
inline bool is_writable_field(std::string_view name, std::string_view value) noexcept {
  return is_token(name) && is_field_value(value);
}

inline void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

}  // namespace detail

}  // namespace kindwire
