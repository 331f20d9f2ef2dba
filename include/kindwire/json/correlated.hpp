// Messages that belong together, such as a question and its answer, and carry the same id beside their
// fields.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include "encoding_error.hpp"
#include "error.hpp"
#include "kind/head.hpp"
#include "outcome.hpp"
#include "schema.hpp"
#include "writer.hpp"

namespace kindwire {

namespace detail {

// A message whose kind is one of its members, and not given by its type. A specialisation has
// `bool has_member(T const&, std::string_view name)`, and comes with encode() of a correlated<T>.
template <class T>
struct untyped_answer;

template <class T>
concept answers_untyped = requires {
  sizeof(untyped_answer<T>);
};

}  // namespace detail

/// A message with an id, to be encoded: `{"kind":"GET_USER","id":7,"name":"ann"}`. It views everything.
template <class T>
requires(message_kind<T> || detail::answers_untyped<T>) struct correlated {
  T const& value;
  std::string_view id_name;   ///< the member that carries the id, which T must not have: "id"
  std::string_view id;        ///< a number or a string as it stands in JSON; empty: none
  std::string_view key = {};  ///< the member that carries the kind, if not T's own
};

namespace detail {

template <message_kind T>
constexpr bool has_field(std::string_view name) noexcept {
  return std::find(field_names<T>.begin(), field_names<T>.end(), name) != field_names<T>.end();
}

// Whether a message has a member of this name itself, and so cannot have an id of that name.
template <class T>
bool has_member([[maybe_unused]] T const& message, std::string_view name) {
  if constexpr (answers_untyped<T>) {
    return untyped_answer<T>::has_member(message, name);
  } else {
    return has_field<T>(name);
  }
}

}  // namespace detail

/// Appends the message to `sink` as encode() does, the id after the kind. Also fails, appending nothing, if
/// T's kind or a field of T is called like the id: duplicate_field.
template <message_kind T, text_sink Sink>
outcome<void> encode(correlated<T> const& message, Sink& sink) {
  std::string_view const key = message.key.empty() ? schema<T>.key : message.key;
  if (!message.id.empty() && (message.id_name == key || detail::has_field<T>(message.id_name))) {
    json_error failure;
    failure.code = json_errc::duplicate_field;
    detail::prepend_step(failure.path, message.id_name);
    return failure;
  }
  return detail::encode_into(sink, encode_options{}, message.value,
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
