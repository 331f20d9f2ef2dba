// RapidJSON's documents beside described types: for messages that a program has no type for, keeps or passes
// on.
//
// clang-format off
//     kw::dispatcher on{
//         [](upload_progress const& progress, session& s) { s.bar(progress.value); },
//         kw::on_kind("LEGACY", [](rapidjson::Value const& whole, session& s) { s.legacy(whole["id"].GetInt()); }),
//         kw::on_unknown_kind([](rapidjson::Document whole, session& s) { s.keep(std::move(whole)); }),
//     };
//     on(text, s);
//     on(document, s);                     // a message that is a document already
//     kw::decode<upload_progress>(value);  // and so here
// clang-format on
//
// A handler of a `rapidjson::Value const&` gets the whole message, valid during the call, in memory that the
// thread keeps for the next one: nothing is allocated per message, except for unusually large ones, names
// with escapes, and messages that such a handler dispatches itself. A rapidjson::Document is the handler's
// own; coroutines take one. Both are read by json_reader, not by RapidJSON: the limits, checks, errors and
// paths are those of typed messages, and a member that stands twice is refused in every object, or chosen, as
// json_options say.
//
// A document may also be a field, and be sent: `ws.send(document)`, `remote.send(value)`, or returned to
// serve() as an answer. Doubles are written so that they read back as doubles (`1.0`).
//
// About RapidJSON itself: its allocators end the program when there is no memory. In version 1.1.0, as C++20,
// `==` of a value and a number or text recurses without end: compare what GetInt() and its like return.
#pragma once

#include "rapidjson/library.hpp"

#include <utility>

#include "description/views.hpp"
#include "outcome.hpp"
#include "rapidjson/memory.hpp"
#include "rapidjson/message.hpp"
#include "rapidjson/read.hpp"
#include "rapidjson/write.hpp"
#include "reader.hpp"
#include "writer.hpp"

namespace kindwire {

/// Decodes one of RapidJSON's values, with the same checks, errors and paths as decode() of its text. An
/// error's offset is into the text that encode() makes of the value. Also fails where encode() does: NaN, an
/// infinity, a string that is not UTF-8. T may not hold views, as no text outlives the call.
template <class T, class Allocator>
outcome<T> decode(rapidjson::GenericValue<rapidjson::UTF8<>, Allocator> const& value,
                  json_options options = {}) {
  static_assert(
      !detail::holds_views<T>(),
      "kindwire: a std::string_view or raw_json_view in a type that is decoded from a rapidjson::Value "
      "would view a text that is gone: take a std::string or raw_json");
  detail::message_text<rapidjson::GenericValue<rapidjson::UTF8<>, Allocator>> const text{value};
  if (text.error() != nullptr) return *text.error();
  return decode<T>(text.text(), options);
}

/// The same into an existing value, which on an error stays as it was.
template <class T, class Allocator>
outcome<void> decode(rapidjson::GenericValue<rapidjson::UTF8<>, Allocator> const& value, T& to,
                     json_options options = {}) {
  auto result = decode<T>(value, options);
  if (!result) return result.error();
  to = std::move(*result);
  return {};
}

/// What encode() writes, as a value in the allocator's memory, or why it cannot be written.
template <class T, class Allocator>
outcome<rapidjson::GenericValue<rapidjson::UTF8<>, Allocator>> to_value(T const& value,
                                                                        Allocator& allocator) {
  using value_type = rapidjson::GenericValue<rapidjson::UTF8<>, Allocator>;
  detail::borrowed_text text;
  if (auto const encoded = encode(value, *text); !encoded) return encoded.error();
  detail::borrowed_memory const memory;
  rapidjson::GenericDocument<rapidjson::UTF8<>, Allocator, detail::stack_block> made{&allocator, 1024,
                                                                                     &(*memory).stack()};
  json_reader reader{*text};
  if (!detail::read_document(reader, made)) return reader.take_error();
  value_type result;
  result.Swap(made);
  return result;
}

}  // namespace kindwire
