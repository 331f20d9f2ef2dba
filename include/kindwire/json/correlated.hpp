// Messages that belong together, as a question and its answer do, and carry the same id beside their fields.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include "encoding_error.hpp"
#include "error.hpp"
#include "reading/json_reader.hpp"
#include "outcome.hpp"
#include "text/scanner.hpp"
#include "schema.hpp"
#include "text/strings.hpp"
#include "writer.hpp"

namespace kindwire {

/// A message with an id, to be encoded: `{"kind":"GET_USER","id":7,"name":"ann"}`. It views everything.
template <message_kind T>
struct correlated {
  T const& value;
  std::string_view id_name;   ///< the member that carries the id, of which T has none: "id"
  std::string_view id;        ///< a number or a string as it stands in JSON; empty: none
  std::string_view key = {};  ///< where the kind stands, if not where T has it
};

/// What tells messages apart before they are decoded.
class message_head {
 public:
  /// Decoded; empty without one. A view into the text, or into this if the text has escapes.
  std::string_view kind() const noexcept { return unescaped_.empty() ? kind_ : unescaped_; }
  /// A number or a string as it stands in the text, of which this is a view; empty without one, or with two.
  std::string_view id() const noexcept { return id_; }

 private:
  friend message_head read_head(std::string_view, std::string_view, std::string_view, duplicate_policy);

  std::string_view kind_;
  std::string_view id_;
  std::string unescaped_;
};

namespace detail {

// Whether a member of this name may stand in the text: as it is, or with escapes. Of a long text that is not
// found out more quickly than by reading it.
inline bool may_have_member(std::string_view text, std::string_view name) noexcept {
  if (text.size() > 256 || text.find('\\') != text.npos) return true;
  for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    std::string_view const behind = text.substr(at + name.size());
    if (at != 0 && text[at - 1] == '"' && behind.starts_with('"')) return true;
  }
  return false;
}

}  // namespace detail

/// Looks for the members `key` and `id_name` of a message. Members that are no string, or no string and no
/// number, are none. Which of several ids counts is not to be guessed: none, unless `duplicates` says so. Of
/// several kinds it is the first, if not the last is to count: whoever decodes the message refuses it.
///
/// No further than it takes to know both is the text looked at, if the last does not count; an `id_name` that
/// is empty is not looked for. What is seen to be no JSON before that has an empty head. Nothing is allocated
/// unless the text has escapes.
inline message_head read_head(std::string_view text, std::string_view key, std::string_view id_name,
                              duplicate_policy duplicates = duplicate_policy::refuse) {
  detail::json_scanner scanner{text};
  message_head head;
  bool first = true;
  bool has_id = false;
  int looked_behind = 0;
  scanner.skip_space();
  if (!scanner.enter('{', {})) return {};
  for (bool more = true;;) {
    bool const known = !head.kind_.empty() && (has_id || id_name.empty());
    if (known && duplicates == duplicate_policy::first) break;
    if (known && id_name.empty() && duplicates != duplicate_policy::last) break;
    // Whenever more is known: the rest may have nothing to say. Of several kinds the last would stand there.
    int const parts = (head.kind_.empty() ? 0 : 1) + (known ? 1 : 0);
    if (parts > looked_behind && duplicates != duplicate_policy::last) {
      looked_behind = parts;
      auto const at = static_cast<std::size_t>(scanner.position() - text.data());
      if (!detail::may_have_member(text.substr(at), id_name)) break;
    }
    std::string_view name;
    bool const passed = scanner.next('}', first, more);
    if (passed && !more) break;
    if (!passed || !scanner.key(name)) return known ? head : message_head{};
    bool const is_kind = name == key;
    bool const is_id = !is_kind && !id_name.empty() && name == id_name;
    scanner.skip_space();
    char const* const begin = scanner.position();
    char const letter = scanner.peek();
    if (!scanner.skip_value()) return known ? head : message_head{};
    std::string_view const value{begin, static_cast<std::size_t>(scanner.position() - begin)};
    bool const last_counts = duplicates == duplicate_policy::last;
    if (is_kind && letter == '"' && (head.kind_.empty() || last_counts)) {
      head.kind_ = value.substr(1, value.size() - 2);
      head.unescaped_.clear();
      if (head.kind_.find('\\') != head.kind_.npos) {
        detail::unescape_string(begin, scanner.position(), &head.unescaped_);
      }
    } else if (is_id && has_id && duplicates == duplicate_policy::refuse) {
      head.id_ = {};
    } else if (is_id && (!has_id || last_counts)) {
      bool const fits = letter == '"' || letter == '-' || (letter >= '0' && letter <= '9');
      head.id_ = fits ? value : std::string_view{};
      has_id = true;
    }
  }
  return head;
}

namespace detail {

template <message_kind T>
constexpr bool has_field(std::string_view name) noexcept {
  return std::find(field_names<T>.begin(), field_names<T>.end(), name) != field_names<T>.end();
}

}  // namespace detail

/// Appends the message to `sink` as encode() does, the id behind the kind. An error, with nothing appended,
/// is also that T's kind, or a field of T, is called like the id: duplicate_field.
template <message_kind T, text_sink Sink>
outcome<void> encode(correlated<T> const& message, Sink& sink) {
  std::string_view const key = message.key.empty() ? schema<T>.key : message.key;
  if (!message.id.empty() && (message.id_name == key || detail::has_field<T>(message.id_name))) {
    json_error failure;
    failure.code = json_errc::duplicate_field;
    detail::prepend_step(failure.path, message.id_name);
    return failure;
  }
  return detail::encode_into(sink, message.value,
                             detail::kind_neighbour{message.id_name, message.id, message.key});
}

/// For `ws.send(kw::correlated{…})`, found by argument-dependent lookup.
template <text_sink Sink, message_kind T>
bool encode_text(Sink& sink, correlated<T> const& message, std::error_code& why) {
  auto const encoded = encode(message, sink);
  if (!encoded) why = detail::encoding_error(kind_of<T>, encoded.error());
  return static_cast<bool>(encoded);
}
template <text_sink Sink, message_kind T>
bool encode_text(Sink& sink, correlated<T> const& message) {
  return static_cast<bool>(encode(message, sink));
}

}  // namespace kindwire
