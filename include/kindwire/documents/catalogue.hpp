// C++ declarations as data, from which documents for the other side are printed.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <ratio>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "../json/description/duration.hpp"
#include "../json/description/form.hpp"
#include "../json/description/limits.hpp"
#include "../json/description/schema_check.hpp"
#include "../json/description/types.hpp"
#include "../json/description/variant_kinds.hpp"
#include "../json/dispatching/handler.hpp"
#include "../json/schema.hpp"
#include "document_writer.hpp"
#include "type_name.hpp"
#include "type_node.hpp"
#include "value_nodes.hpp"

namespace kindwire {

template <class... Handlers>
class dispatcher;

}  // namespace kindwire

namespace kindwire::detail {

template <class T>
inline constexpr bool is_dispatcher = false;
template <class... Handlers>
inline constexpr bool is_dispatcher<dispatcher<Handlers...>> = true;

// The described types that were asked for and those inside them, each once, in the order in which they were
// found.
class catalogue {
 public:
  // The index of T in entries(). T is added, with the types inside it, if it is not there yet.
  template <class T>
  std::size_t add() {
    static char id;  // not const: equal constants may share an address
    for (std::size_t index = 0; index < entries_.size(); ++index) {
      if (entries_[index].id == &id) return index;
    }
    std::size_t const index = entries_.size();
    std::string name = unused_name(short_type_name(full_type_name<T>()), names_);
    names_.insert(name);
    // In a deque, adding more below moves nothing.
    type_entry& entry = entries_.emplace_back(type_entry{.id = &id, .name = std::move(name)});
    if constexpr (described_enum<T>) {
      static_assert(enumeration_check<T>::passed);
      entry.is_enumeration = true;
      entry.enumerators.assign(schema<T>.names.begin(), schema<T>.names.end());
      entry.takes_others = has_fallback<T>;
    } else {
      entry.description = schema<T>.description;
      entry.kind = kind_or_none<T>();
      entry.key = key_of<T>();
      add_fields<T>(entry, std::make_index_sequence<field_count<T>>{});
    }
    return index;
  }

  // T's values, and the values inside them.
  template <class T, class Unit = void>
  type_node describe();

  // The values of any of the types.
  template <class... T>
  type_node describe_any(std::type_identity<std::variant<T...>>) {
    using kinds = kinds_of_variant<T...>;
    static_assert(kinds::all_kinds);
    type_node set{type_form::one_of};
    (add_alternative<T>(set), ...);
    if constexpr (kinds::has_fallback) {
      set.inner.push_back({.form = type_form::others,
                           .key = kinds::key,
                           .kinds = {kinds::names.begin(), kinds::names.end()}});
    }
    return set.inner.size() == 1 ? set.inner.front() : set;
  }

  // A type, or one of several messages.
  template <class T, class... More>
  type_node describe_set() {
    constexpr bool messages = message_kind<T> && (message_kind<More> && ...);
    static_assert(sizeof...(More) == 0 || messages,
                  "kindwire: the types of a set are messages, described with kind()");
    if constexpr (sizeof...(More) == 0) {
      return describe<T>();
    } else if constexpr (messages) {
      static_assert(all_distinct(std::array{kind_of<T>, kind_of<More>...}),
                    "kindwire: two types of the set have the same kind");
      static_assert(((schema<More>.key == schema<T>.key) && ...),
                    "kindwire: the kinds of the set stand under different keys");
      return describe_any(std::type_identity<std::variant<T, More...>>{});
    } else {
      return {};
    }
  }

  // The messages that the dispatcher has handlers for.
  template <class... Handlers>
  type_node describe_handled(dispatcher<Handlers...> const&) {
    type_node set{type_form::one_of};
    (add_alternative<message_of<Handlers>>(set), ...);
    return set.inner.size() == 1 ? set.inner.front() : set;
  }

  std::deque<type_entry> const& entries() const noexcept { return entries_; }

 private:
  // Fallbacks have no kind.
  template <class T>
  void add_alternative([[maybe_unused]] type_node& set) {
    if constexpr (message_kind<T>) set.inner.push_back(describe<T>());
  }

  template <class T, std::size_t... Index>
  void add_fields(type_entry& entry, std::index_sequence<Index...>) {
    static_assert(description_check<T>::passed);
    (add_field<T, Index>(entry), ...);
  }

  template <class T, std::size_t Index>
  void add_field(type_entry& entry) {
    constexpr auto field = schema<T>.fields.template get<Index>();
    if constexpr (is_constant<std::remove_cv_t<decltype(field)>>) {
      entry.fields.push_back(
          {.name = field.name,
           .description = std::string{field.description()},
           .required = field.required,
           .type = {.form = type_form::constant, .numbers = {constant_json(field.value)}}});
    } else {
      add_member<T, Index>(entry, field);
    }
  }

  template <class T, std::size_t Index, class Field>
  void add_member(type_entry& entry, Field const& field) {
    static_assert(limits_of<T, Index>::make_sense);
    using member = typename Field::member_type;
    using unit = typename Field::unit;
    field_node node{.name = field.name,
                    .description = described_with_unit(field.description(), unit_text<member, unit>()),
                    .required = field.required,
                    .type = describe<member, unit>()};
    using number = typename number_of<typename innermost<member>::type, unit>::type;
    limit_numbers(node.type, bound_text<number>(field.minimum()), bound_text<number>(field.maximum()));
    limit_lengths(node.type, field.min_length(), field.max_length());
    if constexpr (Field::template has<as_string_t>) quote_integers(node.type);
    if constexpr (Field::template has<as_number_t>)
      number_enumerators<typename innermost<member>::type>(node.type);
    if constexpr (Field::bytes != byte_spelling::none) {
      spell_bytes<member>(node.type, Field::bytes, field.min_items(), field.max_items());
    } else {
      limit_items(node.type, field.min_items(), field.max_items());
    }
    if constexpr (std::default_initializable<T>) {
      if (!field.required && !Field::has_spelling) node.otherwise = initial_text<unit>(T{}.*field.member);
    }
    entry.fields.push_back(std::move(node));
  }

  template <class T, class Unit>
  type_node around(type_form form) {
    type_node node{form};
    node.inner.push_back(describe<T, Unit>());
    return node;
  }

  template <class T, std::size_t... Index>
  type_node describe_tuple(std::index_sequence<Index...>) {
    type_node node{type_form::tuple};
    (node.inner.push_back(describe<std::tuple_element_t<Index, T>>()), ...);
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

template <class T, class Unit>
type_node catalogue::describe() {
  using enum json_form;
  constexpr json_form form = form_of<T>;
  if constexpr (has_codec<T>) {
    return described_by_codec<T>();
  } else if constexpr (form == boolean) {
    return {type_form::boolean};
  } else if constexpr (form == integer || form == floating) {
    return describe_number<T>();
  } else if constexpr (form == number_only) {
    return describe_number<std::underlying_type_t<T>>();
  } else if constexpr (form == duration) {
    return describe_duration<T, unit_of<T, Unit>>();
  } else if constexpr (form == time) {
    if constexpr (std::is_void_v<Unit>) {
      return {.form = type_form::string, .format = "date-time"};
    } else {
      return describe_duration<typename T::duration, Unit>();
    }
  } else if constexpr (form == text || form == path) {
    return {type_form::string};
  } else if constexpr (form == nullable) {
    return around<inside_of<T>, Unit>(type_form::optional);
  } else if constexpr (form == list) {
    type_node node = around<inside_of<T>, Unit>(type_form::list);
    node.unique = json_unique_set<T>;
    return node;
  } else if constexpr (form == array) {
    type_node node = around<inside_of<T>, Unit>(type_form::list);
    node.min_size = node.max_size = size_of_array<T>;
    return node;
  } else if constexpr (form == tuple) {
    return describe_tuple<T>(std::make_index_sequence<std::tuple_size_v<T>>{});
  } else if constexpr (form == object || form == enumeration) {
    return {.form = type_form::named, .entry = add<T>()};
  } else if constexpr (form == variant) {
    return describe_any(std::type_identity<T>{});
  } else if constexpr (form == raw) {
    return {type_form::anything};
  } else if constexpr (form == map) {
    type_node node = around<inside_of<T>, Unit>(type_form::map);
    using key = typename T::key_type;
    if constexpr (described_enum<key> && !has_fallback<key>) node.inner.push_back(named_type(add<key>()));
    if constexpr (json_integer<key>) node.pattern = whole_pattern;
    return node;
  } else {
    static_assert(always_false<T>,
                  "kindwire: T has no form in JSON. Describe it (a member `schema` or a specialisation of "
                  "kindwire::schema, made with kind(), object() or enumeration()), or specialise json_codec");
    return {};
  }
}

}  // namespace kindwire::detail
