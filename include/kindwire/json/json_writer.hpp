// json_writer, the class. Include writer.hpp, which has all of its functions.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "duration.hpp"
#include "error.hpp"
#include "limits.hpp"
#include "number_text.hpp"
#include "scanner.hpp"
#include "schema.hpp"
#include "text.hpp"
#include "types.hpp"
#include "variant_kinds.hpp"

namespace kindwire {

/// Where text goes: anything that bytes can be appended to. std::string is one.
template <class T>
concept text_sink = requires(T& sink, char const* data, std::size_t size) {
  sink.append(data, size);
};

namespace detail {

// What writing an object needs to know of its type: a table, so that one function writes all of them.
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

// What the outermost object has behind its kind, and the name of that where it is not the type's own.
struct kind_neighbour {
  std::string_view name;
  std::string_view value;  // as it stands in JSON; empty: there is none
  std::string_view key;    // empty: the type's own
};

// A sink that bytes can be taken back from.
template <class T>
concept rewindable_sink = text_sink<T> && requires(T& sink, std::size_t size) {
  { sink.size() } -> std::convertible_to<std::size_t>;
  sink.resize(size);
};

}  // namespace detail

/// Writes values, one after the other. A json_codec is handed one; encode() makes them.
///
/// Its functions return false after an error, and so must whoever calls them: at once.
class json_writer {
 public:
  /// Writes to `sink`, which must outlive the writer, in pieces of up to 512 bytes.
  template <text_sink Sink>
  explicit json_writer(Sink& sink) noexcept
      : sink_(&sink), append_([](void* to, char const* data, std::size_t size) {
          static_cast<Sink*>(to)->append(data, size);
        }) {}

  /// Writes to nowhere, to find out whether and how well a value can be written.
  json_writer() noexcept = default;

  json_writer(json_writer const&) = delete;
  json_writer& operator=(json_writer const&) = delete;

  /// Writes the value.
  template <class T>
  bool write(T const& value) {
    return write_value<detail::no_limits>(value);
  }

  /// Writes a message whose kind has this behind it.
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

  /// Hands what is left over to the sink: the last call to a writer.
  void flush() {
    if (append_ != nullptr) append_(sink_, buffer_.data(), used_);
    used_ = 0;
  }

  /// All that was written, unless it was so much that the sink got some of it, or nobody did.
  std::optional<std::string_view> held() const noexcept {
    if (overflowed_) return std::nullopt;
    return std::string_view{buffer_.data(), used_};
  }

  /// What is wrong; once, and only after a function returned false.
  json_error take_error() { return std::move(*error_); }

 private:
  template <described T>
  friend struct detail::write_plan;

  // Writes the member at Index of T, and checks what its field() states.
  template <class T, std::size_t Index>
  static bool write_field(json_writer& writer, void const* object) {
    using limits = detail::limits_of<T, Index>;
    static_assert(limits::make_sense);
    return writer.write_value<limits>(
        static_cast<T const*>(object)->*(schema<T>.fields.template get<Index>().member));
  }

  template <class Limits, class T>
  bool write_value(T const& value) {
    if constexpr (detail::has_write_codec<T>) {
      return json_codec<T>::write(*this, value);
    } else if constexpr (std::is_same_v<T, bool>) {
      put(value ? std::string_view{"true"} : std::string_view{"false"});
      return true;
    } else if constexpr (detail::json_integer<T> || detail::json_floating<T>) {
      return write_number<Limits>(value);
    } else if constexpr (described_enum<T>) {
      return write_enumerator(value);
    } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
      return write_text<Limits>(value);
    } else if constexpr (detail::is_optional<T>) {
      static_assert(!detail::is_optional<typename T::value_type>,
                    "kindwire: a std::optional of a std::optional: JSON has but one null");
      if (value) return write_value<Limits>(*value);
      put("null");
      return true;
    } else if constexpr (detail::is_vector<T> || detail::is_array<T>) {
      return write_array<Limits>(value);
    } else if constexpr (detail::is_duration<T>) {
      return write_duration<Limits>(value);
    } else if constexpr (std::is_same_v<T, raw_json> || std::is_same_v<T, raw_json_view>) {
      return write_raw(value.text);
    } else if constexpr (detail::is_variant<T>) {
      return write_variant(value);
    } else if constexpr (described<T>) {
      return write_object(&value, detail::write_plan<T>::table);
    } else if constexpr (detail::string_map<T>) {
      return write_map<Limits>(value);
    } else {
      static_assert(
          detail::always_false<T>,
          "kindwire: T cannot be encoded as JSON. Describe it (a member `schema` or a specialisation of "
          "kindwire::schema, made with kind(), object() or enumeration()), or specialise json_codec");
      return false;
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

  void put(std::string_view text) {
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

  bool enter() { return ++depth_ <= json_max_depth || fail(json_errc::too_deep); }
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
  bool write_number(T value) {
    if constexpr (detail::json_floating<T>) {
      if (!std::isfinite(value)) return fail(json_errc::not_finite);
    }
    if constexpr (Limits::of_numbers) {
      if (!detail::number_is_within<Limits>(value)) {
        return fail_value(json_errc::beyond_limit, detail::limits_text<Limits, T>(),
                          detail::digits_of(value));
      }
    }
    if (buffer_.size() - used_ < detail::number_room) spill();
    used_ = static_cast<std::size_t>(detail::write_number(buffer_.data() + used_, value) - buffer_.data());
    return true;
  }

  template <class T>
  bool write_enumerator(T value) {
    static_assert(detail::enumeration_check<T>::passed);
    for (std::size_t index = 0; index < schema<T>.values.size(); ++index) {
      if (schema<T>.values[index] == value) return write_string(schema<T>.names[index]);
    }
    fail(json_errc::unknown_enumerator);
    error_->known = schema<T>.names;
    return false;
  }

  template <class Limits>
  bool write_text(std::string_view text) {
    if constexpr (Limits::of_length) {
      if (!detail::length_is_within(Limits::length, text)) {
        return fail_value(json_errc::beyond_limit, detail::length_text(Limits::length),
                          std::to_string(detail::code_points(text)));
      }
    }
    return write_string(text);
  }

  // What would not be the same when it is read again is refused.
  template <class Limits, class T>
  bool write_duration(T value) {
    using unit = detail::unit_of<T, typename Limits::unit>;
    if constexpr (detail::json_floating<typename T::rep>) {
      if (!std::isfinite(value.count())) return fail(json_errc::not_finite);
    }
    unit count{};
    T again{};
    if (detail::convert_duration(value, count) != detail::conversion::exact ||
        detail::convert_duration(count, again) != detail::conversion::exact || again != value) {
      return fail_value(json_errc::inexact, "whole " + detail::unit_name<typename unit::period>(),
                        detail::digits_of(value.count()) + ' ' + detail::unit_name<typename T::period>());
    }
    return write_number<Limits>(count.count());
  }

  template <class... Kinds>
  bool write_variant(std::variant<Kinds...> const& value) {
    static_cast<void>(detail::kinds_of_variant<Kinds...>::table);
    if (value.valueless_by_exception()) return reject("a variant that holds a value");
    return std::visit([this](auto const& kind) { return this->write_value<detail::no_limits>(kind); }, value);
  }

  template <class Limits, class Range>
  bool write_array(Range const& values) {
    using inner = detail::inner_limits<Limits>;
    if constexpr (Limits::of_items) {
      if (!Limits::items.contain(values.size())) {
        return fail_value(json_errc::beyond_limit, detail::list_text(Limits::items),
                          std::to_string(values.size()));
      }
    }
    if (!enter()) return false;
    char separator = '[';
    std::size_t index = 0;
    for (typename Range::value_type const& value : values) {  // a vector<bool> gives a stand-in for it
      put(std::exchange(separator, ','));
      if (!write_value<inner>(value)) return fail_inside(std::to_string(index));
      ++index;
    }
    return leave(separator, '[', ']');
  }

  template <class Limits, class Map>
  bool write_map(Map const& values) {
    using inner = detail::inner_limits<Limits>;
    if constexpr (Limits::of_items) {
      if (!Limits::items.contain(values.size())) {
        return fail_value(json_errc::beyond_limit, detail::map_text(Limits::items),
                          std::to_string(values.size()));
      }
    }
    if (!enter()) return false;
    char separator = '{';
    for (auto const& [key, value] : values) {
      put(std::exchange(separator, ','));
      if (!write_string(key)) return fail_inside(key);
      put(':');
      if (!write_value<inner>(value)) return fail_inside(key);
    }
    return leave(separator, '{', '}');
  }

  void* sink_ = nullptr;
  void (*append_)(void* sink, char const* data, std::size_t size) = nullptr;
  std::size_t used_ = 0;
  unsigned depth_ = 0;
  bool overflowed_ = false;
  detail::kind_neighbour const* neighbour_ = nullptr;
  std::optional<json_error> error_;
  std::array<char, 512> buffer_;
};

/// RFC 8259 §7: escapes what must be escaped, and nothing else.
inline bool json_writer::write_string(std::string_view text) {
  char const* const begin = text.data();
  char const* const end = begin + text.size();
  char const* run = begin;
  put('"');
  for (char const* position = run;;) {
    position = detail::skip_plain(begin, position, end);
    if (position == end) break;
    char const letter = *position;
    auto const byte = static_cast<unsigned char>(letter);
    if (byte >= 0x80) {
      if (!detail::skip_utf8_run(position, end)) return fail(json_errc::invalid_utf8);
      continue;
    }
    put({run, static_cast<std::size_t>(position - run)});
    run = ++position;
    put('\\');
    switch (letter) {
      case '"':
      case '\\': put(letter); break;
      case '\b': put('b'); break;
      case '\f': put('f'); break;
      case '\n': put('n'); break;
      case '\r': put('r'); break;
      case '\t': put('t'); break;
      default: {
        constexpr char digits[] = "0123456789abcdef";
        put("u00");
        put(digits[byte >> 4]);
        put(digits[byte & 0xF]);
      }
    }
  }
  put({run, static_cast<std::size_t>(end - run)});
  put('"');
  return true;
}

/// A text from elsewhere goes out as it is, once it is known to be one value, except for what would do no
/// harm in a document but would in a stream of lines: white space around it, and line breaks, which in JSON
/// can only stand between tokens.
inline bool json_writer::write_raw(std::string_view text) {
  detail::json_scanner scanner{text};
  scanner.rewind(text.data(), depth_);
  scanner.skip_space();
  char const* const begin = scanner.position();
  if (scanner.skip_value()) {
    char const* const end = scanner.position();
    if (scanner.finish()) {
      std::string_view value{begin, static_cast<std::size_t>(end - begin)};
      for (std::size_t at; (at = value.find_first_of("\n\r")) != value.npos; value.remove_prefix(at + 1)) {
        put(value.substr(0, at));
      }
      put(value);
      return true;
    }
  }
  error_ = scanner.take_error();
  return false;
}

// The kind, where that is more than one piece of text.
KINDWIRE_NOINLINE inline bool json_writer::write_opening(detail::write_table const& table) {
  detail::kind_neighbour const none{};
  detail::kind_neighbour const& neighbour =
      depth_ == 1 && neighbour_ != nullptr ? *std::exchange(neighbour_, nullptr) : none;
  if (neighbour.key.empty() && !table.opening.empty()) {
    put(table.opening);
  } else {
    put('{');
    if (!write_string(neighbour.key.empty() ? table.key : neighbour.key)) return false;
    put(':');
    if (!write_string(table.kind)) return false;
  }
  if (neighbour.value.empty()) return true;
  put(',');
  if (!write_string(neighbour.name)) return false;
  put(':');
  put(neighbour.value);
  return true;
}

inline bool json_writer::write_object(void const* object, detail::write_table const& table) {
  if (!enter()) return false;
  char separator = '{';
  if (!table.opening.empty() && neighbour_ == nullptr) {
    put(table.opening);
    separator = ',';
  } else if (table.has_kind) {
    if (!write_opening(table)) return false;
    separator = ',';
  }
  for (std::size_t index = 0; index < table.count; ++index) {
    detail::write_row const& row = table.rows[index];
    if (row.absent != nullptr && row.absent(object)) continue;
    if (separator == ',' && !row.lead.empty()) {
      put(row.lead);
    } else {
      put(std::exchange(separator, ','));
      if (!write_string(row.name)) return false;
      put(':');
    }
    if (!row.write(*this, object)) return fail_inside(row.name);
  }
  return leave(separator, '{', '}');
}

}  // namespace kindwire
