// How json_reader treats a name that stands in an object more than once: a part of reader.hpp.
#pragma once

#include <cstddef>
#include <string_view>

#include "json_reader.hpp"

namespace kindwire {

KINDWIRE_COLD inline bool json_reader::fail_duplicate(char const* where, std::string_view name) {
  return fail_member(where, json_errc::duplicate_field, name);
}

inline bool json_reader::read_again(char const* where, std::string_view name, bool& again) {
  switch (options_.duplicates) {
    case duplicate_policy::first: again = false; return scanner_.skip_value();
    case duplicate_policy::last: again = true; return true;
    default: return fail_duplicate(where, name);
  }
}

KINDWIRE_NOINLINE inline bool json_reader::pass_unknown(char const* where, std::string_view name,
                                                        std::size_t count) {
  if (refuses_duplicates() && !names_.add(name, where, scanner_.in_text(name), count)) {
    return fail_duplicate(where, name);
  }
  return scanner_.skip_value();
}

KINDWIRE_NOINLINE inline bool json_reader::check_unknown(std::size_t count) {
  char const* const again = refuses_duplicates() ? names_.leave(count) : nullptr;
  if (again == nullptr) return true;
  std::string_view name;
  scanner_.rewind(again, scanner_.depth());
  return scanner_.key(name) && fail_duplicate(again, name);
}

}  // namespace kindwire
