// Descriptions that cannot be right.
#include <kindwire/json/description/schema_check.hpp>

#include <array>
#include <cstddef>
#include <string_view>

#include <doctest/doctest.h>

namespace schema_check_tests {

namespace {

namespace kw = kindwire;

struct distinct {
  int first;
  int second;
  static constexpr auto schema =
      kw::kind("DISTINCT", kw::field("a", &distinct::first), kw::field("b", &distinct::second));
};

struct doubled {
  int first;
  int second;
  static constexpr auto schema =
      kw::object(kw::field("a", &doubled::first), kw::field("a", &doubled::second));
};

struct clash {
  int first;
  static constexpr auto schema = kw::kind("CLASH", kw::field("kind", &clash::first));
};

}  // namespace

TEST_CASE("names that clash are seen at compile time") {
  static_assert(kw::detail::names_are_distinct<distinct>());
  static_assert(!kw::detail::names_are_distinct<doubled>());
  static_assert(!kw::detail::names_are_distinct<clash>());
}

// All with the same beginning, as the names of a long enumeration are.
template <std::size_t Count>
struct many_names {
  std::array<std::array<char, 14>, Count> letters{};
  constexpr explicit many_names(std::size_t last) {
    for (std::size_t index = 0; index != Count; ++index) {
      std::size_t const number = index + 1 == Count ? last : index;
      letters[index] = {'C', 'O', 'U', 'N', 'T', 'R', 'Y', '_', 'O', 'F', '_'};
      letters[index][11] = static_cast<char>('0' + number / 100);
      letters[index][12] = static_cast<char>('0' + number / 10 % 10);
      letters[index][13] = static_cast<char>('0' + number % 10);
    }
  }
  constexpr bool distinct() const {
    std::array<std::string_view, Count> names;
    for (std::size_t index = 0; index != Count; ++index)
      names[index] = {letters[index].data(), letters[index].size()};
    return kw::detail::all_distinct(names);
  }
};

TEST_CASE("hundreds of names are compared within what compilers allow") {
  static_assert(many_names<250>(249).distinct());
  static_assert(!many_names<250>(0).distinct());
  static_assert(!many_names<250>(248).distinct());
}

}  // namespace schema_check_tests
