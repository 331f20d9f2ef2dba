#include <kindwire/exchange/correspondent.hpp>

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kw = kindwire;
using namespace std::chrono_literals;

struct ask {
  std::string_view name;  // it need not live longer than the call
  static constexpr auto schema = kw::kind("ASK", kw::field("name", &ask::name));
};
struct tree {
  std::string name;
  std::vector<tree> children;
  static constexpr auto schema =
      kw::kind("TREE", kw::field("name", &tree::name), kw::field("children", &tree::children));
};
struct report {
  std::map<std::string, std::vector<std::optional<std::string>>> lines;
  std::array<std::variant<tree>, 2> trees;
  kw::raw_json rest;
  static constexpr auto schema =
      kw::kind("REPORT", kw::field("lines", &report::lines), kw::field("trees", &report::trees),
               kw::field("rest", &report::rest));
};

template <class Answer>
asio::awaitable<void> asks(kw::correspondent& talk) {
  ask const question{"x"};
  co_await talk.request<Answer>(question, 1s);
}
template asio::awaitable<void> asks<tree>(kw::correspondent&);
template asio::awaitable<void> asks<report>(kw::correspondent&);
template asio::awaitable<void> asks<std::variant<tree, report>>(kw::correspondent&);

// refused: kindwire: an answer outlives its message: a std::string_view or raw_json_view in it would dangle; take a std::string or raw_json
struct plain {
  std::string_view name;
  static constexpr auto schema = kw::kind("PLAIN", kw::field("name", &plain::name));
};
template asio::awaitable<void> asks<plain>(kw::correspondent&);

// refused: kindwire: an answer outlives its message: a std::string_view or raw_json_view in it would dangle; take a std::string or raw_json
struct leaf {
  std::optional<kw::raw_json_view> text;
  static constexpr auto schema = kw::kind("LEAF", kw::field("text", &leaf::text));
};
struct branch {
  std::vector<branch> branches;
  std::map<std::string, std::array<std::variant<tree, leaf>, 1>> leaves;
  static constexpr auto schema =
      kw::object(kw::field("branches", &branch::branches), kw::field("leaves", &branch::leaves));
};
struct nested {
  branch root;
  static constexpr auto schema = kw::kind("NESTED", kw::field("root", &nested::root));
};
template asio::awaitable<void> asks<std::variant<tree, nested>>(kw::correspondent&);
