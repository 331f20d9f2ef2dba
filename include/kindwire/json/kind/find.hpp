// Finds a message's kind by going over its members, and says what is wrong with it: missing, unknown, or not
// the one asked for. A part of reader.hpp. guess.hpp finds most kinds sooner; head.hpp finds the kind of a
// text that is not decoded yet.
#pragma once

#include <span>
#include <string_view>

#include "../error.hpp"
#include "../reading/json_reader.hpp"
#include "../reading/object_plan.hpp"
#include "../text/member_walk.hpp"
#include "key.hpp"

namespace kindwire {

KINDWIRE_NOINLINE inline bool json_reader::find_kind(detail::kind_key key, detail::kind_place& place) {
  bool const last_counts = options_.duplicates == duplicate_policy::last;
  scanner_.skip_space();
  if (!scanner_.enter('{', "an object")) return false;
  char const* const start = scanner_.position();
  unsigned const depth = scanner_.depth();
  place.at = nullptr;
  detail::member_walk member{scanner_};
  while (member.next()) {
    if (member.name() != key.name) {
      if (!scanner_.skip_value()) return false;
      continue;
    }
    if (!last_counts) {
      if (!read_kind_text(key.name, place)) return false;
      place.end = scanner_.position();
      if (member.is_first()) return true;
      place.at = member.at();
      scanner_.rewind(start, depth);
      return true;
    }
    if (!scanner_.skip_value()) return false;
    place.at = member.at();
    place.end = scanner_.position();
  }
  if (member.failed()) return false;
  if (place.at == nullptr) return fail_missing_kind(key.name);
  // Read only now: later names may overwrite a kind with escapes.
  scanner_.rewind(place.at, depth);
  std::string_view name;
  if (!scanner_.key(name) || !read_kind_text(key.name, place)) return false;
  scanner_.rewind(start, depth);
  return true;
}

inline bool json_reader::read_kind_text(std::string_view key, detail::kind_place& place) {
  scanner_.skip_space();
  kind_position_ = scanner_.position();
  if (scanner_.peek() == '"' ? scanner_.string(place.kind) : scanner_.fail_type("a string")) return true;
  scanner_.prepend_path(key);
  return false;
}

KINDWIRE_COLD inline bool json_reader::fail_missing_kind(std::string_view key) {
  return fail_member(scanner_.position(), json_errc::missing_kind, key);
}

KINDWIRE_COLD inline bool json_reader::fail_kind(detail::kind_key key, std::string_view kind,
                                                 std::span<std::string_view const> known) {
  scanner_.fail_at(kind_position_, json_errc::unknown_kind, {}, kind);
  scanner_.fail_known(known);
  scanner_.prepend_path(key.name);
  return false;
}

KINDWIRE_COLD inline bool json_reader::fail_escaped_kind(detail::kind_key key) {
  scanner_.fail_at(kind_position_, json_errc::escaped_string);
  scanner_.prepend_path(key.name);
  return false;
}

inline bool json_reader::expect_kind(detail::object_plan const& plan, std::string_view kind) {
  if (kind == plan.kind) return true;
  scanner_.fail_at(kind_position_, json_errc::wrong_kind, plan.kind, kind);
  scanner_.prepend_path(plan.key);
  return false;
}

}  // namespace kindwire
