// RapidJSON's values as messages: taken by handlers, dispatched, sent, and given as answers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "../correlated.hpp"
#include "../dispatching/message_text.hpp"
#include "../dispatching/untyped.hpp"
#include "../encoding_error.hpp"
#include "../error.hpp"
#include "../outcome.hpp"
#include "../reading/message_reader.hpp"
#include "../writer.hpp"
#include "library.hpp"
#include "memory.hpp"
#include "read.hpp"
#include "write.hpp"

namespace kindwire::detail {

// Reads the whole message, from its beginning. The kind is proved only once the document has it, too.
template <class Document>
bool read_whole(message_reader& reader, kind_key key, kind_place const& place, Document& to) {
  std::string kept;
  std::string_view kind = place.kind;
  if (!reader.in_text(kind)) kind = kept = kind;
  reader.restart();
  borrowed_reading const memory{reader};
  if (!read_document(reader, to) || !reader.finish()) return false;
  auto const* const found = member_of<typename Document::ValueType>(to, key.name);
  bool const same = found != nullptr && found->IsString() && text_of(*found) == kind;
  return same || reader.reject("this kind");
}

/// In memory that is reused.
template <>
struct untyped_parameter<rapidjson::Value> {
  static constexpr bool by_reference = true;

  untyped_parameter() : document_(&(*memory_).values(), 1024, &(*memory_).stack()) {}

  bool read(message_reader& reader, kind_key key, kind_place const& place, std::string_view) {
    return read_whole(reader, key, place, document_);
  }
  rapidjson::Value const& get() const noexcept { return document_; }

 private:
  borrowed_memory memory_;
  document_memory::document document_;
};

/// In its own memory, so that it can be kept.
template <rapidjson_document T>
struct untyped_parameter<T> {
  static constexpr bool by_reference = false;

  bool read(message_reader& reader, kind_key key, kind_place const& place, std::string_view) {
    return read_whole(reader, key, place, document_);
  }
  T&& get() noexcept { return static_cast<T&&>(document_); }

 private:
  T document_;
};

template <rapidjson_value T>
class message_text<T> {
 public:
  static constexpr bool is_own = true;

  explicit message_text(T const& whole) {
    // The reader decides how deep it may be.
    auto const encoded = kindwire::encode(whole, *text_, {.max_depth = json_depth_limit});
    if (!encoded) error_ = encoded.error();
  }

  json_error const* error() const noexcept { return error_ ? &*error_ : nullptr; }
  std::string_view text() const noexcept { return *text_; }

 private:
  borrowed_text text_;
  std::optional<json_error> error_;
};

template <rapidjson_document T>
struct untyped_answer<T> {
  static bool has_member(T const& message, std::string_view name) {
    return detail::member_of<typename T::ValueType>(message, name) != nullptr;
  }
};

// A message and the member after its kind.
template <class Value>
struct whole_message {
  Value const& value;
  kind_neighbour const& neighbour;
};

}  // namespace kindwire::detail

namespace kindwire {

template <class Value>
struct json_codec<detail::whole_message<Value>> {
  static bool write(json_writer& writer, detail::whole_message<Value> const& message) {
    return detail::tree_writer<Value>{writer}.write_message(message.value, message.neighbour);
  }
};

/// Encodes an answer: the kind, which is a member of the document, the id after it, then the other members.
/// Also fails, appending nothing, if it is not an object, has no kind, or has a member called like the id.
template <detail::rapidjson_document T, text_sink Sink>
outcome<void> encode(correlated<T> const& message, Sink& sink) {
  using value_type = typename T::ValueType;
  if (!message.id.empty() && detail::has_member(message.value, message.id_name)) {
    json_error failure;
    failure.code = json_errc::duplicate_field;
    detail::prepend_step(failure.path, message.id_name);
    return failure;
  }
  detail::kind_neighbour const neighbour{message.id_name, message.id,
                                         message.key.empty() ? std::string_view{"kind"} : message.key};
  return encode(detail::whole_message<value_type>{message.value, neighbour}, sink);
}

/// For the answers of serve(), found by argument-dependent lookup.
template <text_sink Sink, detail::rapidjson_document T>
bool encode_text(Sink& sink, correlated<T> const& message, std::error_code& why) {
  using value_type = typename T::ValueType;
  auto const encoded = encode(message, sink);
  if (!encoded) {
    std::string_view const key = message.key.empty() ? std::string_view{"kind"} : message.key;
    why = detail::encoding_error(detail::kind_in<value_type>(message.value, key), encoded.error());
  }
  return static_cast<bool>(encoded);
}
template <text_sink Sink, detail::rapidjson_document T>
bool encode_text(Sink& sink, correlated<T> const& message) {
  return static_cast<bool>(encode(message, sink));
}

/// For `ws.send(document)` and `remote.send(value)`, found by the sink's namespace.
template <text_sink Sink, class Allocator>
bool encode_text(Sink& sink, rapidjson::GenericValue<rapidjson::UTF8<>, Allocator> const& value,
                 std::error_code& why) {
  auto const encoded = encode(value, sink);
  if (!encoded) why = detail::encoding_error(detail::kind_in(value, "kind"), encoded.error());
  return static_cast<bool>(encoded);
}
template <text_sink Sink, class Allocator>
bool encode_text(Sink& sink, rapidjson::GenericValue<rapidjson::UTF8<>, Allocator> const& value) {
  return static_cast<bool>(encode(value, sink));
}

}  // namespace kindwire
