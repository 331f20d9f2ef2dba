// json_writer, the class. Include writer.hpp, which has all of its functions.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "../description/form.hpp"
#include "../description/limits.hpp"
#include "../description/spelt_values.hpp"
#include "../description/types.hpp"
#include "../error.hpp"
#include "../schema.hpp"
#include "../text/printable.hpp"
#include "../text/strings.hpp"

namespace kindwire {

/// Where text goes: anything that bytes can be appended to. std::string is one.
template <class T>
concept text_sink = requires(T& sink, char const* data, std::size_t size) {
  sink.append(data, size);
};

/// How a value is written.
struct encode_options {
  /// How many arrays and objects may stand inside each other; up to json_depth_limit. The reader must allow
  /// as many: see json_options.
  unsigned max_depth = json_max_depth;
};

namespace detail {

// What the writer needs to know of an object's type, as a table: one function writes all types.
struct write_row {
  std::string_view name;
  std::string_view lead;               // `,"name":`, or empty
  bool (*absent)(void const* object);  // null: never
  bool (*write)(json_writer& writer, void const* object);
};

struct write_table {
  bool has_kind;
  std::string_view key;
  std::string_view kind;
  std::string_view opening;  // `{"key":"KIND"`, or empty
  write_row const* rows;
  std::size_t count;
};

template <described T>
struct write_plan;

// Writes a value that is a tree, as RapidJSON's are.
template <class Tree>
class tree_writer;

// The member after the outermost object's kind, and that kind's key if it is not the type's own.
struct kind_neighbour {
  std::string_view name;
  std::string_view value;  // as JSON; empty: there is no such member
  std::string_view key;    // empty: the type's own
};

// A sink from which bytes can be taken back.
template <class T>
concept rewindable_sink = text_sink<T> && requires(T& sink, std::size_t size) {
  { sink.size() } -> std::convertible_to<std::size_t>;
  sink.resize(size);
};

}  // namespace detail

/// Writes values, one after the other. A json_codec is handed one; encode() makes them.
///
/// Its functions return false after an error, and their callers must then do so at once.
class json_writer {
 public:
  /// Writes to `sink`, which must outlive the writer, in pieces of up to 512 bytes.
  template <text_sink Sink>
  explicit json_writer(Sink& sink, encode_options options = {}) noexcept
      : sink_(&sink),
        append_(
            [](void* to, char const* data, std::size_t size) { static_cast<Sink*>(to)->append(data, size); }),
        max_depth_((std::min)(options.max_depth, json_depth_limit)) {}

  /// Writes to nowhere, to find out whether a value can be written.
  explicit json_writer(encode_options options = {}) noexcept
      : max_depth_((std::min)(options.max_depth, json_depth_limit)) {}

  json_writer(json_writer const&) = delete;
  json_writer& operator=(json_writer const&) = delete;

  /// Writes the value.
  template <class T>
  bool write(T const& value) {
    return write_value<detail::no_limits>(value);
  }

  /// Writes a message with this after its kind.
  template <message_kind T>
  bool write(T const& value, detail::kind_neighbour const& neighbour) {
    neighbour_ = &neighbour;
    if (!write(value)) return false;
    return std::exchange(neighbour_, nullptr) == nullptr || reject("a json_codec that writes a kind");
  }

  /// Refuses the value to be written: `expected` says what it should have been. Returns false.
  bool reject(std::string_view expected) {
    fail(json_errc::rejected);
    error_->expected = expected;
    return false;
  }

  /// Hands the rest to the sink: the last call to a writer.
  void flush() {
    if (append_ != nullptr) append_(sink_, buffer_.data(), used_);
    used_ = 0;
  }

  /// All that was written; nothing if that was too much to hold.
  std::optional<std::string_view> held() const noexcept {
    if (overflowed_) return std::nullopt;
    return std::string_view{buffer_.data(), used_};
  }

  /// What is wrong; once, and only after a function returned false.
  json_error take_error() { return std::move(*error_); }

 private:
  template <described T>
  friend struct detail::write_plan;
  template <class Tree>
  friend class detail::tree_writer;

  // Writes the member at Index of T, and checks what its field() states.
  template <class T, std::size_t Index>
  static bool write_field(json_writer& writer, void const* object) {
    if constexpr (detail::is_constant<detail::field_type<T, Index>>) {
      return writer.write(schema<T>.fields.template get<Index>().value);
    } else {
      using limits = detail::limits_of<T, Index>;
      static_assert(limits::make_sense);
      return writer.write_value<limits>(
          static_cast<T const*>(object)->*(schema<T>.fields.template get<Index>().member));
    }
  }

  template <class Limits, class T>
  bool write_value(T const& value) {
    if constexpr (detail::has_write_codec<T>) {
      return json_codec<T>::write(*this, value);
    } else if constexpr (Limits::bytes != detail::byte_spelling::none && detail::json_bytes<T>) {
      return write_bytes<Limits>(value);
    } else {
      using enum detail::json_form;
      constexpr detail::json_form form = detail::form_of<T>;
      if constexpr (form == boolean) {
        put(value ? std::string_view{"true"} : std::string_view{"false"});
        return true;
      } else if constexpr (form == integer || form == floating) {
        if constexpr (Limits::as_string) put('"');
        if (!write_number<Limits>(value)) return false;
        if constexpr (Limits::as_string) put('"');
        return true;
      } else if constexpr (form == enumeration || form == number_only) {
        static_assert(form == enumeration || Limits::as_number,
                      "kindwire: an enumeration has no names: specialise kindwire::schema for it with "
                      "enumeration(), in the global namespace or kindwire's, or say as_number at the field");
        if constexpr (Limits::as_number)
          return write_numbered<Limits>(value);
        else
          return write_enumerator(value);
      } else if constexpr (form == text) {
        return write_text<Limits>(value);
      } else if constexpr (form == nullable) {
        static_assert(!detail::is_nullable<detail::inside_of<T>>,
                      "kindwire: a std::optional or a pointer in another: JSON has but one null");
        if (value) return write_value<Limits>(*value);
        put("null");
        return true;
      } else if constexpr (form == list || form == array) {
        return write_array<Limits>(value);
      } else if constexpr (form == tuple) {
        return write_tuple(value);
      } else if constexpr (form == duration) {
        return write_duration<Limits>(value);
      } else if constexpr (form == time) {
        return write_time<Limits>(value);
      } else if constexpr (form == raw) {
        return write_raw(value.text);
      } else if constexpr (form == variant) {
        return write_variant(value);
      } else if constexpr (form == object) {
        return write_object(&value, detail::write_plan<T>::table);
      } else if constexpr (form == map) {
        return write_map<Limits>(value);
      } else if constexpr (form == path) {
        return write_string(detail::path_text(value));
      } else {
        static_assert(
            detail::always_false<T>,
            "kindwire: T cannot be encoded as JSON. Describe it (a member `schema` or a specialisation of "
            "kindwire::schema, made with kind(), object() or enumeration()), or specialise json_codec");
        return false;
      }
    }
  }

  bool fail(json_errc code) {
    error_.emplace();
    error_->code = code;
    return false;
  }

  bool fail_value(json_errc code, std::string_view expected, std::string_view found) {
    fail(code);
    error_->expected = expected;
    error_->found = detail::cut_text(found, 64);
    return false;
  }

  bool fail_inside(std::string_view name) {
    detail::prepend_step(error_->path, name);
    return false;
  }

  void put(char letter) {
    if (used_ == buffer_.size()) spill();
    buffer_[used_++] = letter;
  }

  // The compilers' own judgement makes a call of it, which costs a tenth of an object's time.
  KINDWIRE_ALWAYS_INLINE void put(std::string_view text) {
    if (text.size() > buffer_.size() - used_) {
      spill();
      if (text.size() > buffer_.size()) {
        if (append_ != nullptr) append_(sink_, text.data(), text.size());
        return;
      }
    }
    detail::copy_text(buffer_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }

  void spill() {
    flush();
    overflowed_ = true;
  }

  bool enter() { return ++depth_ <= max_depth_ || fail_depth(); }
  KINDWIRE_COLD bool fail_depth() {
    return fail_value(json_errc::too_deep, detail::depth_text(max_depth_), {});
  }
  // `separator` is still the opening bracket if nothing was written inside.
  bool leave(char separator, char opening, char closing) {
    --depth_;
    if (separator == opening) put(opening);
    put(closing);
    return true;
  }

  bool write_string(std::string_view text);
  bool write_raw(std::string_view text);
  bool write_object(void const* object, detail::write_table const& table);
  bool write_opening(detail::write_table const& table);

  template <class Limits, class T>
  bool write_number(T value);
  template <class T>
  bool write_enumerator(T value);
  template <class Limits, class T>
  bool write_numbered(T value);
  template <class Limits>
  bool write_text(std::string_view text);
  template <class Limits, class T>
  bool write_duration(T value);
  template <class Limits, class T>
  bool write_time(T value);
  template <class Limits, class T>
  bool write_bytes(T const& value);
  template <class... Alternatives>
  bool write_variant(std::variant<Alternatives...> const& value);
  template <class Limits, class Range>
  bool write_array(Range const& values);
  template <class T>
  bool write_tuple(T const& values);
  template <class Key>
  bool write_key(Key const& key);
  template <class Limits, class Map>
  bool write_map(Map const& values);

  void* sink_ = nullptr;
  void (*append_)(void* sink, char const* data, std::size_t size) = nullptr;
  std::size_t used_ = 0;
  unsigned depth_ = 0;
  unsigned max_depth_;
  bool overflowed_ = false;
  detail::kind_neighbour const* neighbour_ = nullptr;
  std::optional<json_error> error_;
  std::array<char, 512> buffer_;
};

}  // namespace kindwire
