#include <kindwire/documents/asyncapi.hpp>
#include <kindwire/documents/json_schema.hpp>
#include <kindwire/documents/protocol.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/json/dispatcher.hpp>

#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
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

struct with_id {
  int id = 0;
  static constexpr auto schema = kw::kind("WITH_ID", kw::field("id", &with_id::id));
};

struct odd {
  std::optional<kw::raw_json> any{};
  int _number = 0;
  int others = 0;
  int digits = 0;
  int bracket = 0;
  int tilde = 0;
  first inside{};
  std::array<int, 9> nine{};
  std::array<int, 2> two{};
  std::tuple<int, bool> pair{};
  static constexpr auto schema = kw::kind(
      "ODD", kw::field("any", &odd::any), kw::field("_a$B9", &odd::_number), kw::field("a-b", &odd::others),
      kw::field("9lives", &odd::digits), kw::field("[", &odd::bracket), kw::field("~", &odd::tilde),
      kw::field("inside", &odd::inside, kw::description("one\ntwo */ a/b")), kw::field("nine", &odd::nine),
      kw::field("two", &odd::two), kw::field("pair", &odd::pair));
};

struct initialised {
  bool yes = true;
  bool no = false;
  double number = 3;
  double infinite = std::numeric_limits<double>::infinity();
  std::vector<int> none{};
  std::vector<int> some{4};
  std::map<std::string, int> nobody{};
  std::map<std::string, int> somebody{{"a", 4}};
  std::optional<int> perhaps = std::nullopt;
  std::optional<std::chrono::milliseconds> lossy = std::chrono::milliseconds{4};
  std::chrono::milliseconds fraction{1504};
  static constexpr auto schema = kw::object(
      kw::field("yes", &initialised::yes, kw::defaulted), kw::field("no", &initialised::no, kw::defaulted),
      kw::field("number", &initialised::number, kw::defaulted),
      kw::field("infinite", &initialised::infinite, kw::defaulted),
      kw::field("none", &initialised::none, kw::defaulted),
      kw::field("some", &initialised::some, kw::defaulted),
      kw::field("nobody", &initialised::nobody, kw::defaulted),
      kw::field("somebody", &initialised::somebody, kw::defaulted),
      kw::field("perhaps", &initialised::perhaps),
      kw::field("lossy", &initialised::lossy, kw::unit<std::chrono::seconds>),
      kw::field("fraction", &initialised::fraction, kw::defaulted, kw::unit<std::chrono::seconds>));
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

TEST_CASE("a dispatcher of one kind is that kind, a set of one type that type") {
  kw::dispatcher const on{[](first const&) {}};
  kw::protocol api{{}};
  auto& route = api.route("/").receives(on).sends_binary("an image");
  CHECK(kinds_of(api, route.received()) == std::vector<std::string>{"FIRST"});
  CHECK(route.sent().binary);
  CHECK(kw::json_schema(on) == kw::json_schema<first>());
  CHECK(kw::typescript<std::vector<std::variant<first>>>("All").find("All = First[];") != std::string::npos);
}

TEST_CASE("an id beside the fields is not unknown in a schema, unless it is a field") {
  kw::json_options const closed{.refuse_unknown_fields = true, .id_name = "id"};
  CHECK(kw::json_schema<first>(closed).find("\"id\": {}") != std::string::npos);
  CHECK(kw::json_schema<with_id>(closed).find("\"id\": {}") == std::string::npos);
  CHECK(kw::json_schema<first>({.id_name = "id"}).find("\"id\": {}") == std::string::npos);
  CHECK(kw::json_schema<with_id>({.refuse_unknown_fields = true}).find("\"id\": {}") == std::string::npos);
}

TEST_CASE("names and texts of all sorts are the same in each document") {
  std::string const types = kw::typescript<odd>();
  CHECK(types.find("  any?: unknown | null;") != std::string::npos);
  CHECK(types.find("  _a$B9: number;") != std::string::npos);
  CHECK(types.find("  \"9lives\": number;") != std::string::npos);
  CHECK(types.find("  \"a-b\": number;") != std::string::npos);
  CHECK(types.find("  \"[\": number;") != std::string::npos);
  CHECK(types.find("  \"~\": number;") != std::string::npos);
  CHECK(types.find("   * two *\\/") != std::string::npos);
  CHECK(types.find("a/b") != std::string::npos);
  CHECK(types.find("  nine: [number, number, number") == std::string::npos);
  CHECK(types.find("  two: [number, number];") != std::string::npos);
  std::string const schema = kw::json_schema<odd>();
  CHECK(schema.find("\"description\": \"one\\ntwo */ a/b\"") != std::string::npos);
  // What prefixItems is to 2020-12, a list of items is to draft-07, which AsyncAPI has.
  CHECK(schema.find("\"prefixItems\"") != std::string::npos);
  kw::protocol api{{}};
  api.route("/").sends<odd>();
  CHECK(kw::asyncapi(api).find("\"prefixItems\"") == std::string::npos);
}

TEST_CASE("what an absent field means is said where JSON can say it") {
  std::string const schema = kw::json_schema<initialised>();
  CHECK(schema.find("\"default\": true") != std::string::npos);
  CHECK(schema.find("\"default\": false") != std::string::npos);
  CHECK(schema.find("\"default\": 3") != std::string::npos);
  CHECK(schema.find("\"default\": 4") == std::string::npos);
  CHECK(schema.find("\"default\": []") != std::string::npos);
  CHECK(schema.find("\"default\": {}") != std::string::npos);
  CHECK(schema.find("\"default\": inf") == std::string::npos);
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
