// Reads a value of any type, part by part, for code that builds something other than a described type.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../text/printable.hpp"
#include "../text/scanner.hpp"
#include "../text/strings.hpp"
#include "json_reader.hpp"

namespace kindwire::detail {

/// Hands the parts of the value that stands next to `Parts`:
///
///   null(), boolean(bool), negative(std::int64_t), whole(std::uint64_t), floating(double),
///   string(std::string_view), name(std::string_view), begin_object(), end_object(std::size_t members),
///   begin_array(), end_array(std::size_t elements)
///
/// The views are valid during the call. A text longer than Parts::most_bytes is refused; so is, as
/// everywhere, what is not JSON, is nested too deeply or does not fit a double, with the path inside the
/// value; and, if the options say so, a member that stands twice in any object. Otherwise all of them are
/// handed over, and has_duplicates() tells that there are some.
template <class Parts>
class value_walker {
 public:
  value_walker(json_reader& reader, Parts& to) noexcept
      : reader_(reader), in_(reader.scanner_), to_(to), outside_(in_.depth()) {}

  bool walk() {
    if (in_.left() > Parts::most_bytes)
      return in_.fail_at(in_.position(), json_errc::beyond_limit, "a text of up to 4 GiB");
    if (walk_parts()) return true;
    prepend_path();
    return false;
  }

  bool has_duplicates() const noexcept { return has_duplicates_; }
  duplicate_policy duplicates() const noexcept { return reader_.options_.duplicates; }

 private:
  // An array or object that has begun.
  struct level {
    bool is_object;
    bool inside;        // one of its values, which an error belongs to
    char const* name;   // where the value's name stands
    std::size_t count;  // of values that have begun
    std::size_t names;  // how many of those are in reader_.names_
  };

  bool walk_parts() {
    bool first = false;
    for (;;) {
      in_.skip_space();
      char const letter = in_.peek();
      if (letter == '{' || letter == '[') {
        if (!in_.enter(letter, {})) return false;
        enter(letter == '{');
        first = true;
      } else if (!walk_leaf(letter)) {
        return false;
      }
      // A value is complete, or a level was entered: leave the levels that end here, and stop before the next
      // value.
      for (bool more = false; !more;) {
        if (in_.depth() == outside_) return true;
        now_.inside = false;
        if (!in_.next(now_.is_object ? '}' : ']', first, more)) return false;
        if (!more) {
          if (!leave()) return false;
          first = false;
        } else if (now_.is_object && !walk_name()) {
          return false;
        } else {
          now_.inside = true;
          ++now_.count;
        }
      }
    }
  }

  bool walk_leaf(char letter) {
    switch (letter) {
      case '"': {
        std::string_view text;
        if (!in_.string(text)) return false;
        to_.string(text);
        return true;
      }
      case 't':
        if (!in_.literal("true")) return false;
        to_.boolean(true);
        return true;
      case 'f':
        if (!in_.literal("false")) return false;
        to_.boolean(false);
        return true;
      case 'n':
        if (!in_.literal("null")) return false;
        to_.null();
        return true;
      default: return walk_number();
    }
  }

  // An integer of 64 bits stays one; any other number is a double.
  bool walk_number() {
    constexpr std::uint64_t lowest = std::uint64_t{1} << 63;
    json_number number;
    if (!in_.number(number, "a value")) return false;
    if (number.integral && !number.overflow) {
      if (!number.negative) {
        to_.whole(number.magnitude);
        return true;
      }
      if (number.magnitude <= lowest) {
        to_.negative(static_cast<std::int64_t>(~number.magnitude + 1));
        return true;
      }
    }
    double value = 0;
    if (!number.to_floating_at_once(value) && !reader_.read_any_floating(number, value)) return false;
    to_.floating(value);
    return true;
  }

  bool walk_name() {
    char const* const where = in_.position();
    std::string_view name;
    if (!in_.key(name)) return false;
    now_.name = where;
    if (reader_.names_.add(name, where, in_.in_text(name), now_.names)) {
      ++now_.names;
    } else if (!pass_duplicate(where)) {
      return false;
    }
    to_.name(name);
    return true;
  }

  bool pass_duplicate(char const* where) {
    has_duplicates_ = true;
    if (!reader_.refuses_duplicates()) return true;
    now_.inside = true;
    now_.name = where;
    return in_.fail_at(where, json_errc::duplicate_field);
  }

  void enter(bool is_object) {
    if (depth_ > few_.size()) {
      many_.push_back(now_);
    } else if (depth_ != 0) {
      few_[depth_ - 1] = now_;
    }
    ++depth_;
    now_ = {is_object, false, nullptr, 0, 0};
    if (is_object) {
      to_.begin_object();
    } else {
      to_.begin_array();
    }
  }

  bool leave() {
    if (now_.is_object) {
      char const* const again = now_.names != 0 ? reader_.names_.leave(now_.names) : nullptr;
      if (again != nullptr && !pass_duplicate(again)) return false;
      to_.end_object(now_.count);
    } else {
      to_.end_array(now_.count);
    }
    to_outer_level();
    return true;
  }

  void to_outer_level() {
    if (--depth_ > few_.size()) {
      now_ = many_.back();
      many_.pop_back();
    } else if (depth_ != 0) {
      now_ = few_[depth_ - 1];
    }
  }

  KINDWIRE_COLD void prepend_path() {
    for (; depth_ != 0; to_outer_level()) {
      if (!now_.inside) continue;
      if (!now_.is_object) {
        in_.prepend_path(std::to_string(now_.count - 1));
        continue;
      }
      // It was read before, so it is well-formed.
      char const* end = now_.name + 1;
      for (; *end != '"'; ++end) end += *end == '\\' ? 1 : 0;
      std::string name;
      unescape_string(now_.name, end + 1, &name);
      in_.prepend_path(name);
    }
  }

  json_reader& reader_;
  json_scanner& in_;
  Parts& to_;
  unsigned outside_;
  bool has_duplicates_ = false;
  level now_{};
  std::size_t depth_ = 0;  // of now_; those around it are in few_, and then in many_
  std::array<level, json_max_depth> few_;
  std::vector<level> many_;
};

}  // namespace kindwire::detail
