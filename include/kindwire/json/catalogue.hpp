// What C++ declarations say, as data: what documents for the other side are printed from.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "document_writer.hpp"
#include "handler.hpp"
#include "schema.hpp"
#include "type_name.hpp"
#include "types.hpp"

namespace kindwire {

template <class... Handlers>
class dispatcher;

}  // namespace kindwire

namespace kindwire::detail {

template <class T>
inline constexpr bool is_dispatcher = false;
template <class... Handlers>
inline constexpr bool is_dispatcher<dispatcher<Handlers...>> = true;

enum class type_form {
  anything,  // any JSON value
  boolean,
  integer,
  floating,
  string,
  optional,  // inner[0], or null
  list,      // an array of inner[0]
  map,       // an object of inner[0]
  named,     // a described type: entries()[entry]
  one_of,    // one of inner, which are messages
  verbatim   // a json_codec's own words
};

// The type of a member, or of what is inside of it.
struct type_node {
  type_form form = type_form::anything;
  std::string minimum{};  // of numbers, as JSON; empty if there is none
  std::string maximum{};
  bool minimum_is_stated = false;  // and not that of the C++ type
  bool maximum_is_stated = false;
  std::optional<std::size_t> min_size{};  // of strings in code points, of lists and maps in elements
  std::optional<std::size_t> max_size{};
  std::size_t entry = 0;
  std::string_view json_schema{};
  std::string_view typescript{};
  std::vector<type_node> inner{};
};

struct field_node {
  std::string_view name;
  std::string description{};
  bool required = true;
  std::string otherwise{};  // what an absent field means, as JSON; empty if that is not stated
  type_node type{};
};

// A described type: an object with or without a kind, or an enumeration.
struct type_entry {
  void const* id;
  std::string name;  // plain, and no other's
  bool is_enumeration = false;
  std::string_view kind{};
  std::string_view key{};  // empty: it has no kind
  std::string description{};
  std::vector<std::string_view> enumerators{};
  std::vector<field_node> fields{};
};

// A number of T in JSON.
template <class T>
std::string number_text(T value) {
  std::array<char, 32> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

// The value that a member has without being read, where that is short and plain.
template <class T>
std::string initial_text(T const& value) {
  if constexpr (has_read_codec<T> || has_write_codec<T>) {
    return {};
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (json_integer<T>) {
    return number_text(value);
  } else if constexpr (json_floating<T>) {
    return value - value == T{} ? number_text(value) : std::string{};  // not for NaN and infinities
  } else if constexpr (described_enum<T>) {
    for (std::size_t index = 0; index < schema<T>.values.size(); ++index) {
      if (schema<T>.values[index] == value) return json_string(schema<T>.names[index]);
    }
    return {};
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
    return json_string(value);
  } else if constexpr (is_vector<T>) {
    return value.empty() ? "[]" : "";
  } else if constexpr (string_map<T> && !described<T>) {
    return value.empty() ? "{}" : "";
  } else {
    return {};
  }
}

// The described types that were asked for and those that these hold, each once, in the order in which they
// were met.
class catalogue {
 public:
  // Where T is in entries(), added with all that is inside of it if it was not there.
  template <class T>
  std::size_t add() {
    static char id;  // not const: equal constants may share an address
    for (std::size_t index = 0; index < entries_.size(); ++index) {
      if (entries_[index].id == &id) return index;
    }
    std::size_t const index = entries_.size();
    std::string name = unused_name(short_type_name(full_type_name<T>()), names_);
    names_.insert(name);
    // A deque: what is added below moves nothing.
    type_entry& entry = entries_.emplace_back(type_entry{.id = &id, .name = std::move(name)});
    if constexpr (described_enum<T>) {
      entry.is_enumeration = true;
      entry.enumerators.assign(schema<T>.names.begin(), schema<T>.names.end());
    } else {
      entry.description = schema<T>.description;
      entry.kind = kind_or_none<T>();
      entry.key = key_of<T>();
      std::apply([&](auto const&... fields) { (add_field<T>(entry, fields), ...); }, schema<T>.fields);
    }
    return index;
  }

  // The same for each kind that the dispatcher has a handler for.
  template <class... Handlers>
  std::vector<std::size_t> add_handled(dispatcher<Handlers...> const&) {
    std::vector<std::size_t> added;
    (add_handled<message_of<Handlers>>(added), ...);
    return added;
  }

  std::deque<type_entry> const& entries() const noexcept { return entries_; }

 private:
  // Fallbacks take no kind.
  template <class T>
  void add_handled([[maybe_unused]] std::vector<std::size_t>& added) {
    if constexpr (message_kind<T>) added.push_back(add<T>());
  }

  template <class T, class Field>
  void add_field(type_entry& entry, Field const& field) {
    using member = std::remove_cvref_t<decltype(std::declval<T&>().*field.member)>;
    field_node node{.name = field.name,
                    .description = std::string{field.description()},
                    .required = field.required,
                    .type = describe<member>()};
    limit_numbers(node.type, bound_text(field.minimum()), bound_text(field.maximum()));
    limit_lengths(node.type, field.min_length(), field.max_length());
    limit_items(node.type, field.min_items(), field.max_items());
    if constexpr (!is_optional<member> && std::default_initializable<T>) {
      if (!field.required) node.otherwise = initial_text(T{}.*field.member);
    }
    entry.fields.push_back(std::move(node));
  }

  template <class T>
  type_node describe() {
    if constexpr (has_read_codec<T> || has_write_codec<T>) {
      return described_by_codec<T>();
    } else if constexpr (std::is_same_v<T, bool>) {
      return {type_form::boolean};
    } else if constexpr (json_integer<T>) {
      return {.form = type_form::integer,
              .minimum = number_text(std::numeric_limits<T>::min()),
              .maximum = number_text(std::numeric_limits<T>::max())};
    } else if constexpr (std::is_same_v<T, float>) {
      // To all but C++, numbers are doubles.
      double const most = std::numeric_limits<float>::max();
      return {.form = type_form::floating, .minimum = number_text(-most), .maximum = number_text(most)};
    } else if constexpr (std::is_same_v<T, double>) {
      return {type_form::floating};
    } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
      return {type_form::string};
    } else if constexpr (is_optional<T>) {
      return around<typename T::value_type>(type_form::optional);
    } else if constexpr (is_vector<T>) {
      return around<typename T::value_type>(type_form::list);
    } else if constexpr (is_array<T>) {
      type_node node = around<typename T::value_type>(type_form::list);
      node.min_size = node.max_size = std::tuple_size_v<T>;
      return node;
    } else if constexpr (described<T> || described_enum<T>) {
      return {.form = type_form::named, .entry = add<T>()};
    } else if constexpr (is_variant<T>) {
      type_node node{type_form::one_of};
      add_alternatives(node, std::type_identity<T>{});
      return node;
    } else if constexpr (std::is_same_v<T, raw_json> || std::is_same_v<T, raw_json_view>) {
      return {type_form::anything};
    } else if constexpr (string_map<T>) {
      return around<typename T::mapped_type>(type_form::map);
    } else {
      static_assert(
          always_false<T>,
          "kindwire: T has no form in JSON. Describe it (a member `schema` or a specialisation of "
          "kindwire::schema, made with kind(), object() or enumeration()), or specialise json_codec");
      return {};
    }
  }

  static std::string bound_text(no_bound) { return {}; }
  template <class Number>
  static std::string bound_text(Number bound) {
    return number_text(bound);
  }

  // What is said of numbers and lengths is said of all of them in the member, but not of those in described
  // types; what is said of items, of the outermost list or map.
  static void limit_numbers(type_node& node, std::string const& least, std::string const& most) {
    if (least.empty() && most.empty()) return;
    if (node.form == type_form::integer || node.form == type_form::floating) {
      if (!least.empty()) node.minimum = least;
      if (!most.empty()) node.maximum = most;
      node.minimum_is_stated = !least.empty();
      node.maximum_is_stated = !most.empty();
    }
    for (type_node& each : node.inner) limit_numbers(each, least, most);
  }

  using size_bound = std::optional<std::size_t>;

  static void limit_lengths(type_node& node, size_bound least, size_bound most) {
    if (node.form == type_form::string) {
      node.min_size = least;
      node.max_size = most;
    }
    for (type_node& each : node.inner) limit_lengths(each, least, most);
  }

  static void limit_items(type_node& node, size_bound least, size_bound most) {
    if (node.form == type_form::optional) return limit_items(node.inner[0], least, most);
    if (least) node.min_size = least;
    if (most) node.max_size = most;
  }

  template <class... Kinds>
  void add_alternatives(type_node& node, std::type_identity<std::variant<Kinds...>>) {
    (node.inner.push_back(describe<Kinds>()), ...);
  }

  template <class T>
  type_node around(type_form form) {
    type_node node{form};
    node.inner.push_back(describe<T>());
    return node;
  }

  template <class T>
  static type_node described_by_codec() {
    type_node node{type_form::verbatim};
    if constexpr (requires { std::string_view{json_codec<T>::json_schema}; }) {
      node.json_schema = json_codec<T>::json_schema;
    }
    if constexpr (requires { std::string_view{json_codec<T>::typescript}; }) {
      node.typescript = json_codec<T>::typescript;
    }
    return node;
  }

  std::deque<type_entry> entries_;
  std::set<std::string> names_;
};

}  // namespace kindwire::detail
