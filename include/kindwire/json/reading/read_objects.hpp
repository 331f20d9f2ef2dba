// How json_reader reads described objects and variants of them, by tables: a part of reader.hpp.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "../description/schema_check.hpp"
#include "../kind/find.hpp"
#include "../text/member_walk.hpp"
#include "duplicates.hpp"
#include "json_reader.hpp"

namespace kindwire {

inline bool json_reader::read_object(void* object, detail::object_plan const& plan) {
  if (plan.has_kind && options_.duplicates == duplicate_policy::last) {
    // Which kind counts must be known first.
    detail::kind_place place;
    if (!find_kind(detail::kind_key{plan.key}, place)) return false;
    return expect_kind(plan, place.kind) && read_members(object, plan, false, true, place);
  }
  return scanner_.enter('{', "an object") && read_members(object, plan, false, true);
}

inline bool json_reader::read_variant(void* variant, detail::variant_plan const& plan) {
  detail::kind_place place;
  char const* const begin = scanner_.position();
  if (!find_kind(plan.key, place)) return false;
  std::size_t const index = plan.find(place.kind);
  if (index == plan.kinds.size()) {
    if (plan.keep == nullptr) return fail_kind(plan.key, place.kind, plan.kinds);
    if (!skip_members(plan.key, place)) return false;
    plan.keep(variant, {begin, static_cast<std::size_t>(scanner_.position() - begin)});
    return true;
  }
  bool const passed = place.at == nullptr;
  return read_members(plan.emplace[index](variant), *plan.plans[index], passed, !passed, place);
}

inline bool json_reader::skip_members(detail::kind_key key, detail::kind_place const& place) {
  bool kind_passed = place.at == nullptr;
  std::size_t unknown = 0;
  detail::member_walk member{scanner_, !kind_passed};
  while (member.next()) {
    if (!kind_passed && member.at() == place.at) {
      kind_passed = true;
      scanner_.rewind(place.end, scanner_.depth());
    } else if (member.name() == key.name && refuses_duplicates()) {
      return fail_duplicate(member.at(), member.name());
    } else if (!pass_unknown(member.at(), member.name(), unknown++)) {
      return false;
    }
  }
  if (member.failed() || !leave_unknown(unknown)) return false;
  return kind_passed || fail_missing_kind(key.name);
}

inline bool json_reader::read_members(void* object, detail::object_plan const& plan, bool kind_known,
                                      bool first, detail::kind_place const& place) {
  std::uint64_t seen = 0;
  std::size_t expected = 0;
  std::size_t unknown = 0;
  for (bool more = true;;) {
    // The next field is recognised as a whole if it is written as we would write it.
    if (expected != plan.count && (seen >> expected & 1) == 0) {
      detail::read_row const& row = plan.rows[expected];
      if (!row.lead.empty() && scanner_.pass(row.lead.substr(first ? 1 : 0))) {
        first = false;
        seen |= std::uint64_t{1} << expected;
        ++expected;
        if (row.read(*this, object)) continue;
        scanner_.prepend_path(row.name);
        return false;
      }
    }
    if (!scanner_.next('}', first, more)) return false;
    if (!more) break;
    char const* const where = scanner_.position();
    if (where == place.at && !kind_known) {
      kind_known = true;
      scanner_.rewind(place.end, scanner_.depth());
      continue;
    }
    std::string_view name;
    if (!scanner_.key(name)) return false;
    if (std::size_t const index = plan.find(name, expected); index != plan.count) {
      detail::read_row const& row = plan.rows[index];
      std::uint64_t const bit = std::uint64_t{1} << index;
      if ((seen & bit) != 0) {
        bool again = false;
        if (!read_again(where, name, again)) return false;
        if (!again) continue;
        if ((plan.kept & bit) != 0) plan.reset(object, bit);
      }
      seen |= bit;
      expected = index + 1;
      if (!row.read(*this, object)) {
        scanner_.prepend_path(row.name);
        return false;
      }
    } else if (plan.has_kind && detail::same_text(name, plan.key)) {
      if (options_.duplicates == duplicate_policy::last) {
        // The kind that counts is known already.
        if (!scanner_.skip_value()) return false;
        continue;
      }
      if (kind_known) {
        bool again = false;
        if (!read_again(where, name, again)) return false;
        continue;
      }
      kind_known = true;
      detail::kind_place read;
      if (!read_kind_text(plan.key, read) || !expect_kind(plan, read.kind)) return false;
    } else if (options_.refuse_unknown_fields && !is_id(name)) {
      return fail_member(where, json_errc::unknown_field, name);
    } else if (!pass_unknown(where, name, unknown++)) {
      return false;
    }
  }
  if (!leave_unknown(unknown)) return false;
  if (plan.has_kind && !kind_known) return fail_missing_kind(plan.key);
  if (std::uint64_t const missing = plan.required & ~seen; missing != 0) {
    auto const index = static_cast<std::size_t>(std::countr_zero(missing));
    return fail_member(scanner_.position(), json_errc::missing_field, plan.rows[index].name);
  }
  return true;
}

namespace detail {

// Whether reading a new value into a member may leave something of the old one: a field that the new one does
// not have.
template <class T>
inline constexpr bool is_kept = has_read_codec<T> || described<T>;
template <class T>
requires is_array<T>
inline constexpr bool is_kept<T> = has_read_codec<T> || is_kept<inside_of<T>>;
template <class... T>
inline constexpr bool is_kept<std::tuple<T...>> = has_read_codec<std::tuple<T...>> || (is_kept<T> || ...);
template <class First, class Second>
inline constexpr bool is_kept<std::pair<First, Second>> =
    has_read_codec<std::pair<First, Second>> || is_kept<First> || is_kept<Second>;

// How a codec reads its type is up to the codec.
template <class T>
void renew([[maybe_unused]] T& value) {
  if constexpr (has_read_codec<T>) {
    return;
  } else if constexpr (is_array<T>) {
    if constexpr (is_kept<inside_of<T>>) {
      for (auto& each : value) detail::renew(each);
    }
  } else if constexpr (is_tuple<T>) {
    std::apply([](auto&... each) { (detail::renew(each), ...); }, value);
  } else if constexpr (described<T>) {
    value = T{};
  }
}

template <class T, std::size_t Index>
inline constexpr bool is_kept_field = is_kept<typename field_type<T, Index>::member_type>;

template <class T, std::size_t Index>
void reset_field(T& object, T& fresh, std::uint64_t fields) {
  auto const member = schema<T>.fields.template get<Index>().member;
  if ((fields >> Index & 1) != 0) std::swap(object.*member, fresh.*member);
}

template <described T>
struct read_plan {
  static_assert(std::default_initializable<T>, "kindwire: a type to decode must have a default constructor");
  static_assert(description_check<T>::passed);

  template <std::size_t... Index>
  static constexpr std::array<read_row, field_count<T>> make_rows(std::index_sequence<Index...>) noexcept {
    return {{{field_names<T>[Index], member_text<T>::lead(Index),
              schema<T>.fields.template get<Index>().required, &json_reader::read_field<T, Index>}...}};
  }

  static constexpr std::uint64_t required_fields() noexcept {
    std::uint64_t bits = 0;
    for (std::size_t index = 0; index < rows.size(); ++index) {
      if (rows[index].required) bits |= std::uint64_t{1} << index;
    }
    return bits;
  }

  static constexpr auto all_fields = std::make_index_sequence<field_count<T>>{};

  template <std::size_t... Index>
  static constexpr std::uint64_t kept_fields(std::index_sequence<Index...>) noexcept {
    return (std::uint64_t{0} | ... | (std::uint64_t{is_kept_field<T, Index>} << Index));
  }
  static constexpr std::uint64_t kept = kept_fields(all_fields);

  template <std::size_t... Index>
  static void reset_fields(T& object, std::uint64_t fields, std::index_sequence<Index...>) {
    T fresh{};
    auto const reset_one = [&](auto index) {
      if constexpr (is_kept_field<T, index>) reset_field<T, index>(object, fresh, fields);
    };
    (reset_one(std::integral_constant<std::size_t, Index>{}), ...);
  }

  static void reset(void* object, std::uint64_t fields) {
    if constexpr (kept != 0) reset_fields(*static_cast<T*>(object), fields, all_fields);
  }

  static constexpr std::array<read_row, field_count<T>> rows = make_rows(all_fields);
  static constexpr object_plan plan{message_kind<T>,
                                    key_of<T>(),
                                    kind_or_none<T>(),
                                    rows.data(),
                                    rows.size(),
                                    required_fields(),
                                    kept == 0 ? nullptr : &reset,
                                    kept};
};

template <class... Alternatives>
struct variant_read_plan<std::variant<Alternatives...>> {
  using variant = std::variant<Alternatives...>;
  using kinds = kinds_of_variant<Alternatives...>;

  template <std::size_t Index>
  using kind_at = std::variant_alternative_t<kinds::rows[Index].alternative, variant>;

  template <class Kind>
  static void* emplace(void* to) {
    return &static_cast<variant*>(to)->template emplace<Kind>();
  }

  template <std::size_t... Index>
  static constexpr std::array<object_plan const*, kinds::count> make_plans(
      std::index_sequence<Index...>) noexcept {
    return {&read_plan<kind_at<Index>>::plan...};
  }
  template <std::size_t... Index>
  static constexpr std::array<void* (*)(void*), kinds::count> make_emplacers(
      std::index_sequence<Index...>) noexcept {
    return {&emplace<kind_at<Index>>...};
  }

  template <class Alternative>
  static void keep_one(variant& to, std::string_view text) {
    if constexpr (is_fallback<Alternative>) {
      auto& kept = to.template emplace<Alternative>();
      if constexpr (keeps_text<Alternative>) kept.text = text;
    }
  }
  static void keep(void* to, std::string_view text) {
    (keep_one<Alternatives>(*static_cast<variant*>(to), text), ...);
  }

  static constexpr auto all_kinds = std::make_index_sequence<kinds::count>{};
  static constexpr std::array<object_plan const*, kinds::count> plans = make_plans(all_kinds);
  static constexpr std::array<void* (*)(void*), kinds::count> emplacers = make_emplacers(all_kinds);
  static constexpr variant_plan plan{
      kind_key{kinds::key}, kinds::names,     [](std::string_view kind) { return kinds::table.find(kind); },
      plans.data(),         emplacers.data(), kinds::has_fallback ? &keep : nullptr};
};

}  // namespace detail

}  // namespace kindwire
