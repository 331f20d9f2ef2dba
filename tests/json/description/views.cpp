#include <kindwire/json/description/views.hpp>

#include <array>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace views_tests {

namespace kw = kindwire;
using kw::detail::holds_views;

namespace {

struct plain {
  std::string text;
  kw::raw_json raw;
  int number = 0;
  static constexpr auto schema = kw::kind("PLAIN", kw::field("text", &plain::text),
                                          kw::field("raw", &plain::raw), kw::field("number", &plain::number));
};
struct viewing {
  plain first;
  kw::raw_json_view last;
  static constexpr auto schema =
      kw::kind("VIEWING", kw::field("first", &viewing::first), kw::field("last", &viewing::last));
};
struct tree {
  std::vector<tree> children;
  std::map<std::string, std::unique_ptr<tree>> named;
  std::optional<std::variant<plain, plain>> other;
  static constexpr auto schema =
      kw::object(kw::field("children", &tree::children), kw::field("named", &tree::named));
};
struct deep_tree {
  std::vector<deep_tree> children;
  std::array<std::list<std::string_view>, 2> lists;
  static constexpr auto schema =
      kw::object(kw::field("children", &deep_tree::children), kw::field("lists", &deep_tree::lists));
};

}  // namespace

TEST_CASE("views: they are found wherever they are inside") {
  static_assert(holds_views<std::string_view>());
  static_assert(holds_views<kw::raw_json_view>());
  static_assert(holds_views<viewing>());
  static_assert(holds_views<deep_tree>());
  static_assert(holds_views<std::optional<std::vector<viewing>>>());
  static_assert(holds_views<std::map<std::string_view, int>>());
  static_assert(holds_views<std::map<int, std::string_view>>());
  static_assert(holds_views<std::tuple<int, std::string_view>>());
  static_assert(holds_views<std::pair<int, std::set<std::string_view>>>());
  static_assert(holds_views<std::variant<plain, viewing>>());
  static_assert(holds_views<std::array<std::string_view, 2>>());
  static_assert(!holds_views<plain>());
  static_assert(!holds_views<tree>());
  static_assert(!holds_views<std::map<std::string, std::vector<plain>>>());
  static_assert(!holds_views<std::tuple<int, std::pair<std::string, bool>>>());
  static_assert(!holds_views<std::variant<plain, plain>>());
  static_assert(!holds_views<double>());
  CHECK(holds_views<viewing>());
}

}  // namespace views_tests
