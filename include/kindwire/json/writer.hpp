// C++ values into compact JSON text, the kind first. types.hpp lists the types.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "description/member_text.hpp"
#include "description/schema_check.hpp"
#include "description/type_fault.hpp"
#include "description/types.hpp"
#include "encoding_error.hpp"
#include "outcome.hpp"
#include "schema.hpp"
#include "writing/json_writer.hpp"
#include "writing/write_values.hpp"

namespace kindwire {

namespace detail {

// Whether, to the reader, leaving out the field at Index, a std::optional or a pointer, means that it is
// empty: not if its initialiser gives it a value.
template <class T, std::size_t Index>
bool starts_empty() {
  if constexpr (std::default_initializable<T>) {
    static bool const empty = !(T{}.*(schema<T>.fields.template get<Index>().member));
    return empty;
  } else {
    return true;
  }
}

// An empty one is left out if that means the same.
template <class T, std::size_t Index>
bool field_is_absent(void const* object) {
  return !(static_cast<T const*>(object)->*(schema<T>.fields.template get<Index>().member)) &&
         starts_empty<T, Index>();
}

template <described T>
struct write_plan {
  static_assert(description_check<T>::passed);

  template <std::size_t Index>
  static constexpr write_row make_row() noexcept {
    write_row row{field_names<T>[Index], member_text<T>::lead(Index), nullptr,
                  &json_writer::write_field<T, Index>};
    using field = field_type<T, Index>;
    if constexpr (is_nullable<typename field::member_type> && !field::is_present)
      row.absent = &field_is_absent<T, Index>;
    return row;
  }

  template <std::size_t... Index>
  static constexpr std::array<write_row, field_count<T>> make_rows(std::index_sequence<Index...>) noexcept {
    return {{make_row<Index>()...}};
  }

  static constexpr std::array<write_row, field_count<T>> rows =
      make_rows(std::make_index_sequence<field_count<T>>{});
  static constexpr write_table table{message_kind<T>,           key_of<T>(), kind_or_none<T>(),
                                     member_text<T>::opening(), rows.data(), rows.size()};
};

// `what` are the arguments of json_writer::write().
template <text_sink Sink, class... What>
outcome<void> encode_into(Sink& sink, encode_options options, What const&... what) {
  if constexpr (rewindable_sink<Sink>) {
    std::size_t const before = sink.size();
    json_writer writer{sink, options};
    if (writer.write(what...)) {
      writer.flush();
      return {};
    }
    sink.resize(before);
    return writer.take_error();
  } else {
    // Nothing can be taken back from this sink: it gets nothing until there is known to be no error.
    json_writer trial{options};
    if (!trial.write(what...)) return trial.take_error();
    if (auto const text = trial.held()) {
      sink.append(text->data(), text->size());
    } else {
      json_writer writer{sink, options};
      writer.write(what...);
      writer.flush();
    }
    return {};
  }
}

}  // namespace detail

/// Appends the value to `sink` as compact JSON: the kind first, then the fields as they are described, empty
/// optionals left out (or as null, where an initialiser gives them a value), numbers in the fewest digits
/// that read back as the same number. On an error (NaN, an infinity, a string that is not UTF-8, an
/// enumerator without a name, a duration that its unit cannot express, a raw_json that is not one JSON value,
/// a value beyond what its field() states, nesting beyond what `options` allow) the sink is as it was.
template <detail::writable T, text_sink Sink>
outcome<void> encode(T const& value, Sink& sink, encode_options options = {}) {
  return detail::encode_into(sink, options, value);
}

/// The value as JSON, as encode() writes it, or why it cannot be written.
template <detail::writable T>
outcome<std::string> to_json(T const& value, encode_options options = {}) {
  std::string text;
  if (auto const encoded = encode(value, text, options); !encoded) return encoded.error();
  return text;
}

// What cannot be encoded.
#define KINDWIRE_REFUSE(fault, sentence)                                           \
  template <class T, text_sink Sink>                                               \
  requires(detail::fault_of<T, detail::use::writing> == detail::type_fault::fault) \
      KINDWIRE_REFUSED(sentence)                                                   \
  outcome<void> encode(T const& value, Sink& sink, encode_options options = {});   \
  template <class T>                                                               \
  requires(detail::fault_of<T, detail::use::writing> == detail::type_fault::fault) \
      KINDWIRE_REFUSED(sentence)                                                   \
  outcome<std::string> to_json(T const& value, encode_options options = {});
KINDWIRE_TYPE_FAULTS(KINDWIRE_REFUSE)
#undef KINDWIRE_REFUSE

namespace detail {

// The kind of a message, empty if it has none.
template <class T>
std::string_view kind_of_value(T const& value) {
  if constexpr (is_variant<T>) {
    if (value.valueless_by_exception()) return {};
    return std::visit([](auto const& each) { return detail::kind_of_value(each); }, value);
  } else if constexpr (described<T>) {
    return kind_or_none<T>();
  } else {
    return {};
  }
}

}  // namespace detail

/// How other layers send described values without knowing of JSON: found through the sink's namespace. False
/// if the value cannot be encoded; nothing is then written, and `why` is of encoding_category().
template <text_sink Sink, class T>
requires(described<T> || detail::is_variant<T>) bool encode_text(Sink& sink, T const& value,
                                                                 std::error_code& why) {
  auto const encoded = encode(value, sink);
  if (!encoded) why = detail::encoding_error(detail::kind_of_value(value), encoded.error());
  return static_cast<bool>(encoded);
}
template <text_sink Sink, class T>
requires(described<T> || detail::is_variant<T>) bool encode_text(Sink& sink, T const& value) {
  return static_cast<bool>(encode(value, sink));
}

}  // namespace kindwire
