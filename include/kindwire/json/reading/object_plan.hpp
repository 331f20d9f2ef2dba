// What the reader needs to know of a described type, or of several, as tables: one function reads them all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "../description/member_text.hpp"
#include "../description/types.hpp"
#include "../kind/key.hpp"

namespace kindwire::detail {

struct read_row {
  std::string_view name;
  std::string_view lead;  // `,"name":`, or empty
  bool required;
  bool (*read)(json_reader& reader, void* object);
};

struct object_plan {
  bool has_kind;
  std::string_view key;
  std::string_view kind;
  read_row const* rows;
  std::size_t count;
  std::uint64_t required;  // one bit a field
  // Gives these fields, which are among the kept ones, what their initialisers give them. May be null.
  void (*reset)(void* object, std::uint64_t fields);
  std::uint64_t kept;  // fields in which reading may leave something of the old value

  // The index of the field; `count` if there is none. `hint`: where it is if members come in the order in
  // which they are declared.
  std::size_t find(std::string_view name, std::size_t hint) const noexcept {
    for (std::size_t index = hint; index < count; ++index) {
      if (same_text(rows[index].name, name)) return index;
    }
    for (std::size_t index = 0; index < hint; ++index) {
      if (same_text(rows[index].name, name)) return index;
    }
    return count;
  }
};

// What reading a variant needs to know of it.
struct variant_plan {
  kind_key key;
  std::span<std::string_view const> kinds;
  std::size_t (*find)(std::string_view kind);  // kinds.size() if it is not among them
  object_plan const* const* plans;
  void* (*const* emplace)(void* variant);
  // Stores the text of a message of another kind. Null if no alternative takes those.
  void (*keep)(void* variant, std::string_view text);
};

}  // namespace kindwire::detail
