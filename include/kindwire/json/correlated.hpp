// Messages that belong together, as a question and its answer do, and carry the same id beside their fields.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "error.hpp"
#include "outcome.hpp"
#include "scanner.hpp"
#include "schema.hpp"
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

/// What tells messages apart before they are decoded. Views into the text.
struct message_head {
  std::string_view kind;  ///< as it stands between its quotation marks; empty without one
  std::string_view id;    ///< a number or a string as it stands in JSON; empty without one
};

/// Looks for the members `key` and `id_name` of a message, the first of each, no further than that takes.
/// Members that are no string, or no string and no number, are none. What was looked at is well-formed; if
/// something else comes up the head is empty.
inline message_head read_head(std::string_view text, std::string_view key, std::string_view id_name) {
  detail::json_scanner scanner{text};
  message_head head;
  bool first = true;
  scanner.skip_space();
  if (!scanner.enter('{', {})) return {};
  for (bool more = true; head.kind.empty() || (head.id.empty() && !id_name.empty());) {
    if (!scanner.next('}', first, more)) return {};
    if (!more) break;
    std::string_view name;
    if (!scanner.key(name)) return {};
    std::string_view* const wanted = name == key ? &head.kind : name == id_name ? &head.id : nullptr;
    scanner.skip_space();
    char const* const begin = scanner.position();
    char const letter = scanner.peek();
    if (!scanner.skip_value()) return {};
    if (wanted == nullptr || !wanted->empty()) continue;
    std::string_view const value{begin, static_cast<std::size_t>(scanner.position() - begin)};
    bool const number = letter == '-' || (letter >= '0' && letter <= '9');
    if (wanted == &head.kind && letter == '"') head.kind = value.substr(1, value.size() - 2);
    if (wanted == &head.id && (letter == '"' || number)) head.id = value;
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
/// is also that T has a field called like the id: duplicate_field.
template <message_kind T, text_sink Sink>
outcome<void> encode(correlated<T> const& message, Sink& sink) {
  if (!message.id.empty() && detail::has_field<T>(message.id_name)) {
    json_error failure;
    failure.code = json_errc::duplicate_field;
    detail::prepend_step(failure.path, message.id_name);
    return failure;
  }
  json_writer writer;
  if (!writer.write(message.value)) return writer.take_error();
  std::string large;
  std::string_view text;
  if (auto const held = writer.held()) {
    text = *held;
  } else {
    text = large = to_json(message.value);
  }
  auto const put = [&sink](std::string_view part) { sink.append(part.data(), part.size()); };
  auto const put_name = [&](std::string_view name) {
    json_writer quoted;
    quoted.write(name);
    put(quoted.held().value_or(std::string_view{}));
    put(":");
  };
  // The kind is the first member: what we wrote is not looked at for errors.
  detail::json_scanner scanner{text};
  std::string_view ignored;
  scanner.enter('{', {});
  scanner.key(ignored);
  auto const kind_at = static_cast<std::size_t>(scanner.position() - text.data());
  scanner.string(ignored);
  auto const kind_end = static_cast<std::size_t>(scanner.position() - text.data());
  if (message.key.empty()) {
    put(text.substr(0, kind_at));
  } else {
    put("{");
    put_name(message.key);
  }
  put(text.substr(kind_at, kind_end - kind_at));
  if (!message.id.empty()) {
    put(",");
    put_name(message.id_name);
    put(message.id);
  }
  put(text.substr(kind_end));
  return {};
}

/// For `ws.send(kw::correlated{…})`, found by argument-dependent lookup.
template <text_sink Sink, message_kind T>
bool encode_text(Sink& sink, correlated<T> const& message) {
  return static_cast<bool>(encode(message, sink));
}

}  // namespace kindwire
