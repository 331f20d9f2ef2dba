// Finds a message's kind before its fields are read, wherever it stands.
#pragma once

#include <span>
#include <string_view>

#include "reader.hpp"

namespace kindwire::detail {

// A reader of a whole message: what decode() and dispatcher need beside values.
class message_reader final : public json_reader {
 public:
  using json_reader::json_reader;

  // Enters the message and finds its kind. If that is the first member, as those who write messages by hand
  // and to_json() do it, it is passed; otherwise the reader stands before the first member again. The view is
  // valid until the next read; in_text() tells if it is one into the text.
  bool find_kind(std::string_view key, std::string_view& kind, bool& is_first);

  template <described T>
  bool read_rest(T& value, bool kind_known) {
    return read_members(&value, read_plan<T>::plan, kind_known, !kind_known) && finish();
  }

  bool skip_rest(bool first) {
    for (bool more = true;;) {
      if (!scanner_.next('}', first, more)) return false;
      if (!more) return finish();
      std::string_view name;
      if (!scanner_.key(name) || !scanner_.skip_value()) return false;
    }
  }

  bool in_text(std::string_view view) const noexcept { return scanner_.in_text(view); }

  void fail_kind(std::string_view key, std::string_view kind, std::span<std::string_view const> known) {
    scanner_.fail_at(kind_position_, json_errc::unknown_kind, {}, kind);
    scanner_.fail_known(known);
    scanner_.prepend_path(key);
  }

 private:
  char const* kind_position_ = nullptr;
};

inline bool message_reader::find_kind(std::string_view key, std::string_view& kind, bool& is_first) {
  scanner_.skip_space();
  if (!scanner_.enter('{', "an object")) return false;
  char const* const start = scanner_.position();
  unsigned const depth = scanner_.depth();
  bool first = true;
  for (bool more = true;;) {
    is_first = first;
    if (!scanner_.next('}', first, more)) return false;
    if (!more) {
      scanner_.fail_at(scanner_.position(), json_errc::missing_kind);
      break;
    }
    std::string_view name;
    if (!scanner_.key(name)) return false;
    if (name != key) {
      if (!scanner_.skip_value()) return false;
      continue;
    }
    scanner_.skip_space();
    if (scanner_.peek() != '"') {
      scanner_.fail_type("a string");
      break;
    }
    kind_position_ = scanner_.position();
    if (!scanner_.string(kind)) break;
    if (!is_first) scanner_.rewind(start, depth);
    return true;
  }
  scanner_.prepend_path(key);
  return false;
}

}  // namespace kindwire::detail
