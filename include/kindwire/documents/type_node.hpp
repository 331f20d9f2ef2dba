// The types of messages as data: a catalogue is made of them, and documents are printed from them.
#pragma once

#include "../requirements.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kindwire::detail {

enum class type_form {
  anything,  // any JSON value
  boolean,
  integer,
  floating,
  string,
  optional,  // inner[0], or null
  list,      // an array of inner[0]
  tuple,     // an array of one of each of inner
  map,       // an object of inner[0]; its keys are inner[1], if that is there
  numbers,   // one of `numbers`
  constant,  // numbers[0], which is any JSON value
  named,     // a described type: entries()[entry]
  one_of,    // one of inner, which are messages
  others,    // a message whose kind, under `key`, is not among `kinds`
  with_id,   // inner[0], a message, which may have an id beside its fields
  verbatim   // a json_codec's own words
};

// The type of a member, or of what is inside it.
struct type_node {
  type_form form = type_form::anything;
  std::string minimum{};  // of numbers, as JSON; empty if there is none
  std::string maximum{};
  bool minimum_is_stated = false;  // rather than that of the C++ type
  bool maximum_is_stated = false;
  std::uint64_t multiple_of = 1;          // of integers
  std::optional<std::size_t> min_size{};  // of strings in code points, of lists and maps in elements
  std::optional<std::size_t> max_size{};
  bool unique = false;          // of lists: no element stands twice
  std::string_view format{};    // of strings, as JSON Schema calls it
  std::string pattern{};        // of strings, and of a map's keys
  std::string_view encoding{};  // of bytes in strings
  std::vector<std::string> numbers{};
  std::size_t entry = 0;
  std::string_view json_schema{};
  std::string_view typescript{};
  std::string id_name{};
  std::string_view key{};
  std::vector<std::string_view> kinds{};
  std::vector<type_node> inner{};
};

struct field_node {
  std::string_view name;
  std::string description{};
  bool required = true;
  std::string otherwise{};  // the value of an absent field, as JSON; empty if it is not stated
  type_node type{};
};

// A described type: an object with or without a kind, or an enumeration.
struct type_entry {
  void const* id;
  std::string name;  // plain and unique
  bool is_enumeration = false;
  std::string_view kind{};
  std::string_view key{};  // empty: it has no kind
  std::string description{};
  std::vector<std::string_view> enumerators{};
  bool takes_others = false;  // accepts names that are not among the enumerators
  std::vector<field_node> fields{};
};

inline type_node named_type(std::size_t entry) { return {.form = type_form::named, .entry = entry}; }

// A question, or an answer.
inline type_node with_id(std::size_t entry, std::string_view id_name) {
  return {.form = type_form::with_id, .id_name = std::string{id_name}, .inner = {named_type(entry)}};
}

}  // namespace kindwire::detail
