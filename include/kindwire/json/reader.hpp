// JSON text into C++ values, without a document in between. types.hpp lists the types.
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>

#include "description/type_fault.hpp"
#include "outcome.hpp"
#include "reading/json_reader.hpp"
#include "reading/read_containers.hpp"
#include "reading/read_objects.hpp"
#include "reading/read_values.hpp"

namespace kindwire {

namespace detail {

// Reads into values that are newly made.
class fresh_reader final : public json_reader {
 public:
  using json_reader::json_reader;
  using json_reader::read_fresh;
};

}  // namespace detail

/// Decodes one value: a message, a std::variant of messages told apart by their kinds, an object that is part
/// of one, or anything else that types.hpp lists. Unknown fields are skipped unless `options` refuse them; a
/// field that stands twice is refused unless they say otherwise. Also refused are values beyond the limits
/// that a field() states, anything that RFC 8259 does not allow, nesting beyond options.max_depth, and a kind
/// other than T's. A std::string_view or raw_json_view in T is a view into `text`, and is valid as long as
/// that. Thread safe.
template <detail::readable T>
outcome<T> decode(std::string_view text, json_options options = {}) {
  detail::fresh_reader reader{text, options};
  outcome<T> result{T{}};
  if (!reader.read_fresh(*result) || !reader.finish()) result = reader.take_error();
  return result;
}

/// The same into an existing value, which on an error stays as it was. Otherwise nothing of what it held is
/// left: absent fields get what their initialisers give them.
template <detail::readable T>
outcome<void> decode(std::string_view text, T& value, json_options options = {}) {
  auto result = decode<T>(text, options);
  if (!result) return result.error();
  value = std::move(*result);
  return {};
}

// What cannot be decoded.
#define KINDWIRE_REFUSE(fault, sentence)                                           \
  template <class T>                                                               \
  requires(detail::fault_of<T, detail::use::reading> == detail::type_fault::fault) \
      KINDWIRE_REFUSED(sentence)                                                   \
  outcome<T> decode(std::string_view text, json_options options = {});             \
  template <class T>                                                               \
  requires(detail::fault_of<T, detail::use::reading> == detail::type_fault::fault) \
      KINDWIRE_REFUSED(sentence)                                                   \
  outcome<void> decode(std::string_view text, T& value, json_options options = {});
KINDWIRE_TYPE_FAULTS(KINDWIRE_REFUSE)
#undef KINDWIRE_REFUSE

}  // namespace kindwire
