// json_reader, the class. Include reader.hpp, which has all of its functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "../description/duration.hpp"
#include "../description/form.hpp"
#include "../description/limits.hpp"
#include "../description/member_text.hpp"
#include "../description/types.hpp"
#include "../description/variant_kinds.hpp"
#include "../error.hpp"
#include "../kind/key.hpp"
#include "../schema.hpp"
#include "../text/scanner.hpp"
#include "member_names.hpp"
#include "object_plan.hpp"

namespace kindwire {

/// What happens to a field, a kind or a key of a map that stands in an object more than once (RFC 8259 §4).
/// Names are compared with escapes decoded. The objects inside unknown fields and raw_json are not checked.
enum class duplicate_policy {
  refuse,  ///< an error, also where the type does not have the field
  first,   ///< the first counts; the others need only be well-formed
  last     ///< the last counts, as in JavaScript; each must be a valid value of the field
};

/// What a reader of messages refuses.
struct json_options {
  bool refuse_unknown_fields = false;  ///< off, so that a newer peer's additions do no harm
  /// Refused by default: readers that treat duplicates differently can be played off against each other.
  duplicate_policy duplicates = duplicate_policy::refuse;
  /// A member of a message that is never unknown: the id that questions and answers have beside their fields.
  /// The name must outlive the reader.
  std::string_view id_name = {};
  /// How many arrays and objects may stand inside each other; up to json_depth_limit. Decoding takes up to
  /// 400 bytes of stack a level, 1,100 without optimisation, plus an element of each set and a key of each
  /// map. Where the kinds of nested variants stand last, the text is read once more for each level.
  unsigned max_depth = json_max_depth;
};

namespace detail {

template <described T>
struct read_plan;

template <class Variant>
struct variant_read_plan;

template <class Parts>
class value_walker;

// Makes an object as if it were new, except for what reading replaces anyway.
template <class T>
void renew(T& value);

}  // namespace detail

/// Reads values from a text, one after the other. A json_codec is handed one; decode() and dispatcher make
/// them.
///
/// Its functions return false after an error, and their callers must then do so at once.
class json_reader {
 public:
  explicit json_reader(std::string_view text, json_options options = {}) noexcept
      : scanner_(text, options.max_depth), options_(options) {}

  /// Reads the next value. On false, `value` is valid but unspecified. Otherwise nothing of what it held is
  /// left: absent fields get what their initialisers give them. A string and a vector keep their memory.
  template <class T>
  bool read(T& value) {
    detail::renew(value);
    return read_fresh(value);
  }

  /// Refuses the value that was just read: `expected` says what it should have been. Returns false.
  bool reject(std::string_view expected) {
    return scanner_.fail_at(scanner_.position(), json_errc::rejected, expected);
  }

  /// True if only white space is left of the text: the last call to a reader.
  bool finish() { return scanner_.finish(); }

  /// What is wrong; once, and only after a function returned false.
  json_error take_error() { return scanner_.take_error(); }

 protected:
  // The same into a value that was just made.
  template <class T>
  bool read_fresh(T& value) {
    scanner_.skip_space();
    return read_value<detail::no_limits>(value);
  }

  bool read_object(void* object, detail::object_plan const& plan);
  bool read_variant(void* variant, detail::variant_plan const& plan);
  // `place`: that of the kind, if it is known to be the plan's.
  bool read_members(void* object, detail::object_plan const& plan, bool kind_known, bool first,
                    detail::kind_place const& place = {});

  // Passes the members of a message whose kind is known but not asked for, and checks that they are in order
  // and that the kind stands once.
  bool skip_members(detail::kind_key key, detail::kind_place const& place);

  // Reads the member at Index of T, and checks what its field() states.
  template <class T, std::size_t Index>
  static bool read_field(json_reader& reader, void* object) {
    reader.scanner_.skip_space();
    if constexpr (detail::is_constant<detail::field_type<T, Index>>) {
      return reader.read_constant(schema<T>.fields.template get<Index>().value);
    } else {
      using limits = detail::limits_of<T, Index>;
      static_assert(limits::make_sense);
      return reader.read_value<limits>(
          static_cast<T*>(object)->*(schema<T>.fields.template get<Index>().member));
    }
  }

  // Enters the next object and finds its kind, reading everything before it, or says what is wrong. A kind
  // that is the first member is then passed; otherwise the next member is the first.
  bool find_kind(detail::kind_key key, detail::kind_place& place);

  // The value of a member that was found to be the kind.
  bool read_kind_text(std::string_view key, detail::kind_place& place);

  // The kind that was found is not one of the known ones.
  bool fail_kind(detail::kind_key key, std::string_view kind, std::span<std::string_view const> known);

  // The kind is to be viewed after the call, but is written with escapes.
  bool fail_escaped_kind(detail::kind_key key);

  // The object ends here without a kind.
  bool fail_missing_kind(std::string_view key);

  // What may stand beside a message's fields.
  bool is_id(std::string_view name) const noexcept {
    return scanner_.depth() == 1 && !options_.id_name.empty() && name == options_.id_name;
  }

  // Passes the value of a member that the type does not have, after `count` others in its object.
  bool pass_unknown(char const* where, std::string_view name, std::size_t count);

  // At the end of an object with so many of them.
  bool leave_unknown(std::size_t count) { return count == 0 || check_unknown(count); }

  // A name stands a second time, where that is refused.
  bool fail_duplicate(char const* where, std::string_view name);

  bool refuses_objects() const noexcept { return options_.max_depth == 0; }
  bool refuses_duplicates() const noexcept { return options_.duplicates == duplicate_policy::refuse; }

  template <described T>
  friend struct detail::read_plan;
  template <class Parts>
  friend class detail::value_walker;

  detail::json_scanner scanner_;

 private:
  template <class Limits, class T>
  bool read_value(T& value) {
    if constexpr (std::is_const_v<T>) {
      static_assert(detail::always_false<T>,
                    "kindwire: a member that is const, or cannot be moved, as a std::atomic, cannot be read");
      return false;
    } else if constexpr (detail::has_read_codec<T>) {
      return json_codec<T>::read(*this, value);
    } else if constexpr (Limits::bytes != detail::byte_spelling::none && detail::json_bytes<T>) {
      return read_bytes<Limits>(value);
    } else {
      using enum detail::json_form;
      constexpr detail::json_form form = detail::form_of<T>;
      if constexpr (form == boolean) {
        return read_boolean(value);
      } else if constexpr (form == integer) {
        if constexpr (Limits::as_string)
          return read_quoted_integer<Limits>(value);
        else
          return read_integer<Limits>(value);
      } else if constexpr (form == floating) {
        return read_floating<Limits>(value);
      } else if constexpr (form == enumeration || form == number_only) {
        static_assert(form == enumeration || Limits::as_number,
                      "kindwire: an enumeration has no names: specialise kindwire::schema for it with "
                      "enumeration(), in the global namespace or kindwire's, or say as_number at the field");
        if constexpr (Limits::as_number)
          return read_numbered<Limits>(value);
        else
          return read_enumerator(value);
      } else if constexpr (form == text) {
        return read_text<Limits>(value);
      } else if constexpr (form == nullable) {
        return read_nullable<Limits>(value);
      } else if constexpr (form == list) {
        return read_list<Limits>(value);
      } else if constexpr (form == array) {
        return read_array<Limits>(std::data(value), detail::size_of_array<T>);
      } else if constexpr (form == tuple) {
        return read_tuple(value);
      } else if constexpr (form == duration) {
        return read_duration<Limits>(value);
      } else if constexpr (form == time) {
        return read_time<Limits>(value);
      } else if constexpr (form == raw) {
        return read_raw(value);
      } else if constexpr (form == variant) {
        return read_variant(&value, detail::variant_read_plan<T>::plan);
      } else if constexpr (form == object) {
        return read_object(&value, detail::read_plan<T>::plan);
      } else if constexpr (form == map) {
        return read_map<Limits>(value);
      } else if constexpr (form == path) {
        return read_path(value);
      } else {
        static_assert(
            detail::always_false<T>,
            "kindwire: T cannot be decoded from JSON. Describe it (a member `schema` or a specialisation of "
            "kindwire::schema, made with kind(), object() or enumeration()), or specialise json_codec");
        return false;
      }
    }
  }

  bool read_boolean(bool& value);
  bool read_string(std::string& value);
  bool read_view(std::string_view& value);
  // False, with an error, if the kind that was read is not the plan's.
  bool expect_kind(detail::object_plan const& plan, std::string_view kind);
  // A field that has been read, or the kind, stands again: `again` tells whether to read it once more.
  bool read_again(char const* where, std::string_view name, bool& again);
  bool check_unknown(std::size_t count);

  KINDWIRE_COLD bool fail_number(detail::json_number const& number, json_errc code,
                                 std::string_view expected) {
    return scanner_.fail_at(number.text.data(), code, expected, number.text);
  }

  KINDWIRE_COLD bool fail_member(char const* where, json_errc code, std::string_view name) {
    scanner_.fail_at(where, code);
    scanner_.prepend_path(name);
    return false;
  }

  KINDWIRE_COLD bool fail_element(std::size_t index) {
    scanner_.prepend_path(std::to_string(index));
    return false;
  }

  KINDWIRE_COLD bool fail_range(detail::json_number const& number, std::int64_t least, std::uint64_t most) {
    return fail_number(number, json_errc::out_of_range,
                       "an integer from " + std::to_string(least) + " to " + std::to_string(most));
  }

  KINDWIRE_COLD bool fail_limit(char const* where, std::string const& expected, std::string_view found) {
    return scanner_.fail_at(where, json_errc::beyond_limit, expected, found);
  }

  // Called before another element is read, and at the end: an element too many is not kept.
  bool check_count(detail::size_limits limits, std::size_t count, bool more, char const* where,
                   std::string (*expected)(detail::size_limits)) {
    if (more ? count < limits.most : count >= limits.least) return true;
    return fail_limit(where, expected(limits), more ? "more" : std::to_string(count));
  }

  template <class Limits, class T>
  bool read_integer(T& value, std::string_view* text = nullptr);
  template <class Limits, class T>
  bool read_floating(T& value, std::string_view* text = nullptr);
  template <class T>
  bool read_any_floating(detail::json_number const& number, T& value);
  template <class Limits, class T>
  bool check_number(T value, std::string_view text);
  template <class Limits, class T>
  bool read_text(T& value);
  template <class Limits, class T>
  bool read_duration(T& value);
  template <class T>
  bool read_enumerator(T& value);
  template <class T>
  bool read_raw(T& value);
  template <class Limits, class T>
  bool read_quoted_integer(T& value);
  template <class Limits, class T>
  bool read_numbered(T& value);
  template <class T>
  bool read_named(T& value, char const* where, std::string_view name);
  template <class T>
  bool read_constant(T const& value);
  template <class Limits, class T>
  bool read_time(T& value);
  template <class T>
  bool read_path(T& value);
  template <class Limits, class T>
  bool read_bytes(T& value);
  template <class Limits, class T>
  bool read_nullable(T& value);
  template <class Limits, class T>
  bool read_list(T& values);
  template <class Limits, class T>
  bool read_array(T* values, std::size_t size);
  template <class T>
  bool read_tuple(T& values);
  template <class Limits, class Map>
  bool read_map(Map& values);
  template <class Key>
  std::optional<Key> make_key(char const* where, std::string_view text);

  // Passes the end of an array of this size, or refuses it because there are more elements.
  bool leave_array(bool first, std::size_t size, char const* where) {
    bool more = false;
    return scanner_.next(']', first, more) && (!more || fail_length(where, size, "more"));
  }
  KINDWIRE_COLD bool fail_length(char const* where, std::size_t size, std::string_view found) {
    return scanner_.fail_at(where, json_errc::wrong_length, "an array of " + std::to_string(size), found);
  }

  json_options options_;
  char const* kind_position_ = nullptr;

 protected:
  detail::member_names names_;  // last, as it is large and most readers do not use it
};

}  // namespace kindwire
