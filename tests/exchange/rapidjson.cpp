#include <kindwire/exchange/correspondent.hpp>
#include <kindwire/exchange/serve.hpp>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>
#include <kindwire/json/rapidjson.hpp>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include <doctest/doctest.h>

#include "far_end.hpp"

namespace exchange_rapidjson_tests {

namespace kw = kindwire;
using test::texts;

namespace {

struct get_user {
  std::string name;
  static constexpr auto schema = kw::kind("GET_USER", kw::field("name", &get_user::name));
};
struct nobody {
  static constexpr auto schema = kw::kind("NOBODY");
};

rapidjson::Document document_of(char const* text) {
  rapidjson::Document made;
  made.Parse(text);
  return made;
}

// serve() on its way, and how it ended.
struct serving {
  bool done = false;
  std::string failure;

  template <class Dispatcher, class... Arguments>
  serving(test::far_end& side, Dispatcher& on, Arguments&... arguments) {
    asio::co_spawn(side.io, kw::serve(side.ws, on, arguments...), [this](std::exception_ptr how) {
      done = true;
      try {
        if (how) std::rethrow_exception(how);
      } catch (std::exception const& thrown) {
        failure = thrown.what();
      }
    });
    side.settle();
  }
};

}  // namespace

TEST_CASE("rapidjson: documents and values are sent like other values") {
  test::far_end side(kw::role::server);
  auto const document = document_of(R"({"kind":"LEGACY","a":[1,2.0]})");
  CHECK(!side.ws.try_send(document));
  CHECK(!side.ws.try_send(document["a"]));
  CHECK(!side.ws.remote().send(document));
  CHECK(side.heard() ==
        texts{R"({"kind":"LEGACY","a":[1,2.0]})", "[1,2.0]", R"({"kind":"LEGACY","a":[1,2.0]})"});

  auto wrong = document_of(R"({"kind":"LEGACY","a":[1]})");
  wrong["a"][0].SetDouble(std::numeric_limits<double>::quiet_NaN());
  auto const why = side.ws.try_send(wrong);
  CHECK(why == std::error_condition(static_cast<int>(kw::json_errc::not_finite), kw::json_category()));
  CHECK(why.message() == R"(LEGACY: field "a/0": number that is not finite)");
  CHECK(side.ws.remote().send(wrong).message() == why.message());
  wrong.SetString("\xFF", wrong.GetAllocator());
  CHECK(side.ws.try_send(wrong).message() == "string that is not UTF-8 at byte 0");
  CHECK(side.heard().empty());
}

TEST_CASE("rapidjson: a document with a kind in it is the answer") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{
      kw::on_kind("ECHO",
                  [](rapidjson::Value const& whole) {
                    rapidjson::Document answer;
                    answer.CopyFrom(whole["with"], answer.GetAllocator());
                    return answer;
                  }),
      kw::on_kind("LATER",
                  [](rapidjson::Document whole) -> asio::awaitable<rapidjson::Document> {
                    co_await asio::post(asio::use_awaitable);
                    whole.FindMember("kind")->value.SetString("LATER_DONE");
                    co_return whole;
                  }),
      [](get_user asked) -> std::variant<rapidjson::Document, nobody> {
        if (asked.name != "ann") return nobody{};
        return document_of(R"({"name":"ann","kind":"USER"})");
      },
  };
  serving const run(side, on);
  side.say(R"({"kind":"ECHO","id":1,"with":{"a":1,"kind":"B","c":[]}})");
  side.say(R"({"kind":"ECHO","with":{"kind":"B","id":{}},"id":"x"})");
  side.say(R"({"id":7,"kind":"LATER","b":1.0})");
  side.say(R"({"kind":"LATER","b":1.0})");
  side.say(R"({"kind":"GET_USER","name":"ann","id":8})");
  side.say(R"({"kind":"GET_USER","name":"bob","id":9})");
  side.say(R"({"kind":"ECHO","id":1,"with":{"a":1,"a":2}})");
  CHECK(
      side.heard() ==
      texts{
          R"({"kind":"B","id":1,"a":1,"c":[]})", R"({"kind":"B","id":{}})",
          R"({"kind":"LATER_DONE","id":7,"b":1.0})", R"({"kind":"LATER_DONE","b":1.0})",
          R"({"kind":"USER","id":8,"name":"ann"})", R"({"kind":"NOBODY","id":9})",
          R"({"kind":"ERROR","id":1,"code":"duplicate_field","path":"/with/a","message":"duplicate field \"with/a\""})"});
  CHECK(!run.done);
}

TEST_CASE("rapidjson: an answer that is no message ends with what is wrong with it") {
  auto const failure_of = [](char const* answer) {
    test::far_end side(kw::role::server);
    kw::dispatcher on{kw::on_kind("ASK", [&](kw::raw_message) { return document_of(answer); })};
    serving const run(side, on);
    side.say(R"({"kind":"ASK","id":1})");
    CHECK(side.heard().empty());
    CHECK(run.done);
    return run.failure;
  };
  CHECK(failure_of("[1]") == R"(handler of "ASK": expected an object, found another value)");
  CHECK(failure_of("{}") == R"(handler of "ASK": message without a kind)");
  CHECK(failure_of(R"({"kind":7})") == R"(handler of "ASK": field "kind": expected a string)");
  CHECK(failure_of(R"({"kind":"A","kind":"B"})") == R"(handler of "ASK": A: duplicate field "kind")");
}

TEST_CASE("rapidjson: handlers of serve() that take documents of unknown kinds") {
  test::far_end side(kw::role::server);
  kw::dynamic_dispatcher<asio::awaitable<void>()> on;
  std::string seen;
  on.add(kw::on_unknown_kind([&](rapidjson::Document whole) -> asio::awaitable<void> {
    co_await asio::post(asio::use_awaitable);
    seen += *kw::to_json(whole);
  }));
  serving const run(side, on);
  side.say(R"({"kind":"A","x":"a text that is too long for a value itself"})");
  side.say(R"({"kind":"B"})");
  side.settle();
  CHECK(seen == R"({"kind":"A","x":"a text that is too long for a value itself"}{"kind":"B"})");
}

}  // namespace exchange_rapidjson_tests
