#include <kindwire/json/description/small_tuple.hpp>

#include <string_view>
#include <type_traits>

#include <doctest/doctest.h>

namespace small_tuple_tests {

using kindwire::detail::make_small_tuple;
using kindwire::detail::small_tuple;

TEST_CASE("a small tuple has its values by index, also several of one type") {
  constexpr auto three = make_small_tuple(1, std::string_view{"two"}, 3);
  static_assert(std::is_same_v<std::remove_cv_t<decltype(three)>, small_tuple<int, std::string_view, int>>);
  static_assert(three.size == 3 && three.get<0>() == 1 && three.get<1>() == "two" && three.get<2>() == 3);
  static_assert(make_small_tuple().size == 0);
  CHECK(&three.get<0>() != &three.get<2>());
}

}  // namespace small_tuple_tests
