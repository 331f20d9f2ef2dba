#include <kindwire/json/dispatcher.hpp>
#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/protocol.hpp>
#include <kindwire/documents/typescript.hpp>

#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

namespace protocol_tests {

namespace kw = kindwire;

namespace {

struct first {
  static constexpr auto schema = kw::kind("FIRST");
};
struct second {
  static constexpr auto schema = kw::kind("SECOND");
};

struct third {
  static constexpr auto schema = kw::kind("THIRD");
};

// As asio::awaitable is.
template <class Result, class Executor = int>
struct task {};

std::vector<std::string> kinds_of(kw::protocol const& api, kw::detail::message_set const& messages) {
  std::vector<std::string> kinds;
  for (std::size_t const each : messages.kinds) kinds.emplace_back(api.types().entries()[each].kind);
  return kinds;
}

}  // namespace

TEST_CASE("a route receives what its dispatcher has handlers for") {
  kw::dispatcher const on{[](first const&, int) {}, [](kw::unknown_message, int) {}, [](second, int) {}};
  kw::protocol api{{}};
  auto& route = api.route("/").receives(on).receives<first>().sends<second>();
  CHECK(kinds_of(api, route.received()) == std::vector<std::string>{"FIRST", "SECOND"});
  CHECK(kinds_of(api, route.sent()) == std::vector<std::string>{"SECOND"});
  CHECK_FALSE(route.received().binary);
}

TEST_CASE("what served handlers return are answers") {
  kw::dispatcher const on{[](first const&) -> task<std::variant<second, third>> { return {}; },
                          [](second) -> task<void> { return {}; }, [](third) { return second{}; },
                          [](kw::unknown_message) { return first{}; }};
  kw::protocol api{{}};
  auto& route = api.route("/").serves(on, "number");
  auto const& exchanges = route.received().exchanges;
  CHECK(kinds_of(api, route.received()) == std::vector<std::string>{"SECOND"});
  REQUIRE(exchanges.size() == 2);
  CHECK(kinds_of(api, {{exchanges[0].question}}) == std::vector<std::string>{"FIRST"});
  CHECK(kinds_of(api, {exchanges[0].answers}) == std::vector<std::string>{"SECOND", "THIRD", "ERROR"});
  CHECK(kinds_of(api, {{exchanges[1].question}}) == std::vector<std::string>{"THIRD"});
  CHECK(kinds_of(api, {exchanges[1].answers}) == std::vector<std::string>{"SECOND", "ERROR"});
  CHECK(exchanges[0].id_name == "number");
  CHECK(kinds_of(api, route.sent()) == std::vector<std::string>{"ERROR"});

  kw::protocol other{{}};
  auto& quiet = other.route("/").serves(on, {.errors = false, .acknowledge = true});
  CHECK(quiet.sent().kinds.empty());
  CHECK(quiet.received().kinds.empty());
  REQUIRE(quiet.received().exchanges.size() == 3);
  CHECK(kinds_of(other, {quiet.received().exchanges[1].answers}) == std::vector<std::string>{"DONE"});
  CHECK(quiet.received().exchanges[1].id_name == "id");
  CHECK(kw::typescript(other).find("(DoneMessage & { id?: number | string })") != std::string::npos);
}

TEST_CASE("documents of a dispatcher's kinds are those of the types") {
  kw::dispatcher const on{[](first const&) {}, [](kw::unknown_message) {}, [](second) {}};
  CHECK(kw::json_schema(on) == kw::json_schema<first, second>());
  CHECK(kw::json_schema(on, {.refuse_unknown_fields = true}) ==
        kw::json_schema<first, second>({.refuse_unknown_fields = true}));
  CHECK(kw::typescript(on, "ToServer") == kw::typescript<first, second>("ToServer"));
}

TEST_CASE("a variant of kinds stands for each of them") {
  kw::protocol api{{}};
  auto& route = api.route("/").sends<std::variant<second, first>>().receives<first, std::variant<first>>();
  CHECK(kinds_of(api, route.sent()) == std::vector<std::string>{"SECOND", "FIRST"});
  CHECK(kinds_of(api, route.received()) == std::vector<std::string>{"FIRST"});
}

TEST_CASE("routes are called by the literal parts of their paths, or as one likes") {
  kw::protocol api{{}};
  CHECK(api.route("/").name() == "root");
  CHECK(api.route("/{any}").name() == "root_2");
  CHECK(api.route("/upload/{user}").name() == "upload");
  CHECK(api.route("/upload/{user}/{file}").name() == "upload_2");
  CHECK(api.route("/a/{b}/c-d").name() == "a_c_d");
  CHECK(api.route("/a", {.name = "the first"}).name() == "the_first");
}

TEST_CASE("a path's parameters") {
  using names = std::vector<std::string_view>;
  CHECK(kw::detail::path_parameters_of("/upload/{user}/x/{file}") == names{"user", "file"});
  CHECK(kw::detail::path_parameters_of("/upload") == names{});
  CHECK(kw::detail::path_parameters_of("/{") == names{});
}

}  // namespace protocol_tests
