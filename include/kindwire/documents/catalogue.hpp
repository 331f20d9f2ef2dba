// What C++ declarations say, as data: what documents for the other side are printed from.
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

#include "document_writer.hpp"
#include "../json/description/duration.hpp"
#include "../json/description/form.hpp"
#include "../json/dispatching/handler.hpp"
#include "../json/description/limits.hpp"
#include "../json/schema.hpp"
#include "../json/description/schema_check.hpp"
#include "type_name.hpp"
#include "type_node.hpp"
#include "../json/description/types.hpp"
#include "../json/description/variant_kinds.hpp"

namespace kindwire {

template <class... Handlers>
class dispatcher;

}  // namespace kindwire

namespace kindwire::detail {

template <class T>
inline constexpr bool is_dispatcher = false;
template <class... Handlers>
inline constexpr bool is_dispatcher<dispatcher<Handlers...>> = true;

// The value that a member has without being read, where that is short and plain.
template <class Unit, class T>
std::string initial_text(T const& value) {
  using enum json_form;
  constexpr json_form form = form_of<T>;
  if constexpr (has_codec<T>) {
    return {};
  } else if constexpr (form == boolean) {
    return value ? "true" : "false";
  } else if constexpr (form == integer) {
    return digits_of(value);
  } else if constexpr (form == floating) {
    return value - value == T{} ? digits_of(value) : std::string{};  // not for NaN and infinities
  } else if constexpr (form == enumeration) {
    auto const name = name_of_enumerator(value);
    return name ? json_string(*name) : std::string{};
  } else if constexpr (form == text) {
    return json_string(value);
  } else if constexpr (form == duration) {
    unit_of<T, Unit> converted{};
    if (convert_duration(value, converted) != conversion::exact) return {};
    return initial_text<void>(converted.count());
  } else if constexpr (form == nullable) {
    return value ? initial_text<Unit>(*value) : std::string{};  // that it is null is in its type
  } else if constexpr (form == list) {
    return value.empty() ? "[]" : "";
  } else if constexpr (form == map) {
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
      static_assert(enumeration_check<T>::passed);
      entry.is_enumeration = true;
      entry.enumerators.assign(schema<T>.names.begin(), schema<T>.names.end());
    } else {
      entry.description = schema<T>.description;
      entry.kind = kind_or_none<T>();
      entry.key = key_of<T>();
      add_fields<T>(entry, std::make_index_sequence<field_count<T>>{});
    }
    return index;
  }

  // T's values, and what is inside of them.
  template <class T, class Unit = void>
  type_node describe();

  // The values of any of the types.
  template <class... T>
  type_node describe_any(std::type_identity<std::variant<T...>>) {
    static_assert(kinds_of_variant<T...>::all_kinds);
    type_node set{type_form::one_of};
    (set.inner.push_back(describe<T>()), ...);
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
    (add_handled<message_of<Handlers>>(set), ...);
    return set.inner.size() == 1 ? set.inner.front() : set;
  }

  std::deque<type_entry> const& entries() const noexcept { return entries_; }

 private:
  // Fallbacks take no kind.
  template <class T>
  void add_handled([[maybe_unused]] type_node& set) {
    if constexpr (message_kind<T>) set.inner.push_back(describe<T>());
  }

  template <class T, std::size_t... Index>
  void add_fields(type_entry& entry, std::index_sequence<Index...>) {
    static_assert(description_check<T>::passed);
    (add_field<T, Index>(entry), ...);
  }

  template <class T, std::size_t Index>
  void add_field(type_entry& entry) {
    static_assert(limits_of<T, Index>::make_sense);
    constexpr auto field = schema<T>.fields.template get<Index>();
    using member = typename decltype(field)::member_type;
    using unit = typename decltype(field)::unit;
    field_node node{.name = field.name,
                    .description = described_with_unit(field.description(), unit_text<member, unit>()),
                    .required = field.required,
                    .type = describe<member, unit>()};
    using number = typename number_of<typename innermost<member>::type, unit>::type;
    limit_numbers(node.type, bound_text<number>(field.minimum()), bound_text<number>(field.maximum()));
    limit_lengths(node.type, field.min_length(), field.max_length());
    if constexpr (decltype(field)::template has<as_string_t>) quote_integers(node.type);
    if constexpr (decltype(field)::template has<as_number_t>)
      number_enumerators<typename innermost<member>::type>(node.type);
    limit_items(node.type, field.min_items(), field.max_items());
    if constexpr (std::default_initializable<T>) {
      if (!field.required && !decltype(field)::has_spelling)
        node.otherwise = initial_text<unit>(T{}.*field.member);
    }
    entry.fields.push_back(std::move(node));
  }

  // "in milliseconds", of the durations in a member; empty if there are none.
  template <class Member, class Unit>
  static std::string unit_text() {
    using value = typename innermost<Member>::type;
    if constexpr (is_duration<value>) {
      using unit = unit_of<value, Unit>;
      std::string text = "in " + unit_name<typename unit::period>();
      // What no schema can say: a number with a fraction must come to a whole one.
      if constexpr (json_floating<typename unit::rep> && json_integer<typename value::rep>) {
        text += " that come to whole " + unit_name<typename value::period>();
      }
      return text;
    } else {
      return {};
    }
  }

  static std::string described_with_unit(std::string_view description, std::string const& unit) {
    if (description.empty() || unit.empty()) return std::string{description} + unit;
    return std::string{description} + ", " + unit;
  }

  // A number of Unit that Duration can hold: of integers, those that convert_duration() takes.
  template <class Duration, class Unit>
  static type_node describe_duration() {
    using rep = typename Unit::rep;
    using member_rep = typename Duration::rep;
    using factor = std::ratio_divide<typename Unit::period, typename Duration::period>;
    type_node node = describe_number<rep>();
    if constexpr (json_integer<rep> && json_integer<member_rep>) {
      node.multiple_of = static_cast<std::uint64_t>(factor::den);
      auto const fitting = [](std::uint64_t most, std::uint64_t of_rep) {
        constexpr std::uint64_t highest = (std::numeric_limits<std::uint64_t>::max)();
        constexpr auto denominator = static_cast<std::uint64_t>(factor::den);
        most /= static_cast<std::uint64_t>(factor::num);
        return (std::min)(most > highest / denominator ? highest : most * denominator, of_rep);
      };
      auto const magnitude = [](auto lowest) { return ~static_cast<std::uint64_t>(lowest) + 1; };
      auto const least = fitting(magnitude((std::numeric_limits<member_rep>::min)()),
                                 magnitude((std::numeric_limits<rep>::min)()));
      node.minimum = (least == 0 ? "" : "-") + digits_of(least);
      node.maximum = digits_of(fitting(static_cast<std::uint64_t>((std::numeric_limits<member_rep>::max)()),
                                       static_cast<std::uint64_t>((std::numeric_limits<rep>::max)())));
    } else if constexpr (json_integer<member_rep>) {
      // As the writer comes to them.
      auto const bound = [](member_rep count) {
        Unit converted{};
        static_cast<void>(convert_duration(Duration{count}, converted));
        return digits_of(converted.count());
      };
      node.minimum = bound((std::numeric_limits<member_rep>::min)());
      node.maximum = bound((std::numeric_limits<member_rep>::max)());
    }
    return node;
  }

  template <class T>
  static type_node describe_number() {
    if constexpr (json_integer<T>) {
      return {.form = type_form::integer,
              .minimum = digits_of((std::numeric_limits<T>::min)()),
              .maximum = digits_of((std::numeric_limits<T>::max)())};
    } else if constexpr (std::is_same_v<T, float>) {
      // As the writer writes them: to all but C++ numbers are doubles, and the double of these digits is a
      // little more than the float, to which it is rounded when it is read.
      constexpr float most = (std::numeric_limits<float>::max)();
      return {.form = type_form::floating, .minimum = digits_of(-most), .maximum = digits_of(most)};
    } else {
      return {type_form::floating};
    }
  }

  // As the reader and the writer compare with it: as the member's number has it.
  template <class Number>
  static std::string bound_text(no_bound) {
    return {};
  }
  template <class Number, class Bound>
  static std::string bound_text(Bound bound) {
    if constexpr (std::is_void_v<Number>) {
      return {};  // complained about by limits_of
    } else if constexpr (std::is_integral_v<Bound> && std::is_floating_point_v<Number>) {
      // 100000, and not 1e+05, where that is the same.
      constexpr std::int32_t exact = std::int32_t{1} << std::numeric_limits<float>::digits;
      bool const plain = std::cmp_less_equal(bound, exact) && std::cmp_greater_equal(bound, -exact);
      return plain ? digits_of(bound) : digits_of(static_cast<Number>(bound));
    } else {
      return digits_of(static_cast<Number>(bound));
    }
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

  // Of numbers in strings.
  static constexpr std::string_view whole_pattern = "^(0|-?[1-9][0-9]*)$";

  // Spelt otherwise than its type is by itself.
  template <class Enum>
  static void number_enumerators(type_node& node) {
    if (node.form == type_form::named) {
      node = type_node{type_form::numbers};
      if constexpr (described_enum<Enum>) {
        for (Enum const each : schema<Enum>.values) {
          std::string const number = digits_of(static_cast<std::underlying_type_t<Enum>>(each));
          node.numbers.push_back(number);
        }
      }
    }
    if (!node.inner.empty()) number_enumerators<Enum>(node.inner[0]);  // not a map's keys
  }
  static void quote_integers(type_node& node) {
    if (node.form == type_form::integer) node = {.form = type_form::string, .pattern = whole_pattern};
    for (type_node& each : node.inner) quote_integers(each);
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
    if constexpr (described_enum<key>) node.inner.push_back(named_type(add<key>()));
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
