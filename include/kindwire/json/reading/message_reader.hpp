// Finds a message's kind before its fields are read, wherever it stands.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "../kind/guess.hpp"
#include "../reader.hpp"

namespace kindwire::detail {

// A reader of a whole message: what decode() and dispatcher need beside values.
class message_reader final : public json_reader {
 public:
  explicit message_reader(std::string_view text, json_options options = {}) noexcept
      : json_reader(text, options), text_(text) {}

  // Where the kind seems to stand, which costs next to nothing. Reading a value of that kind with read_rest()
  // proves it. If either returns false, restart() and find_kind() find the answer. The view of the kind is
  // valid until the next read.
  bool guess_kind(kind_key key, kind_place& place);

  using json_reader::fail_kind;
  using json_reader::find_kind;

  void restart() noexcept {
    names_.clear();
    scanner_.rewind(text_.data(), 0);
  }

  template <described T>
  bool read_rest(T& value, kind_place const& place) {
    bool const passed = place.at == nullptr;
    return read_members(&value, read_plan<T>::plan, passed, !passed, place) && finish();
  }

  // Checks what read_rest() would read, and that the kind stands at `place`.
  bool skip_rest(kind_key key, kind_place const& place) { return skip_members(key, place) && finish(); }

  // Holds names and strings while they are looked at; may be used for one message after the other.
  struct memory {
    member_names::memory names;
    std::string scratch;
  };
  // Invalidates views of decoded strings.
  void swap_memory(memory& other) noexcept {
    names_.swap_memory(other.names);
    scanner_.swap_scratch(other.scratch);
  }

  // For callers that keep a view of the kind, as coroutines do: false, with an error, if it has escapes.
  bool kind_is_in_text(kind_key key, kind_place const& place) {
    return in_text(place.kind) || fail_escaped_kind(key);
  }

  bool in_text(std::string_view view) const noexcept { return scanner_.in_text(view); }

 private:
  std::string_view text_;
};

inline bool message_reader::guess_kind(kind_key key, kind_place& place) {
  // Which of several kinds counts cannot be guessed.
  if (!refuses_duplicates() || refuses_objects()) return false;
  char const* position = text_.data();
  char const* const end = position + text_.size();
  if (begins_with_kind(position, end, key)) {
    scanner_.rewind(position, 1);
    if (read_kind_text(key.name, place)) {
      place.at = nullptr;
      return true;
    }
    return false;
  }
  if (!ends_with_kind(text_, key, place) && !contains_kind(text_, key, place)) return false;
  scanner_.skip_space();
  return scanner_.enter('{', "an object");
}

}  // namespace kindwire::detail
