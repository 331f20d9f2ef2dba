#include <kindwire/exchange/serve.hpp>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "far_end.hpp"

namespace serve_tests {

namespace kw = kindwire;
using test::texts;

namespace {

struct get_user {
  std::string name;
  static constexpr auto schema = kw::kind("GET_USER", kw::field("name", &get_user::name));
};
struct user {
  std::string name;
  int age;
  static constexpr auto schema =
      kw::kind("USER", kw::field("name", &user::name), kw::field("age", &user::age));
};
struct nobody {
  static constexpr auto schema = kw::kind("NOBODY");
};
struct note {
  std::string text;
  static constexpr auto schema = kw::kind("NOTE", kw::field("text", &note::text));
};
struct typed {
  int x;
  static constexpr auto schema = kw::kind("TYPED", kw::key("type"), kw::field("x", &typed::x));
};

// As in the README: an id of the application's own.
struct job {
  std::uint64_t id = 0;
  std::string name;
  static constexpr auto schema = kw::kind("JOB", kw::field("id", &job::id), kw::field("name", &job::name));
};

// Neither can be put into words.
struct moody {};

asio::awaitable<void> pass() { co_await asio::post(asio::use_awaitable); }

// serve() on its way, and how it ended.
struct serving {
  bool done = false;
  std::exception_ptr failure;

  template <class Dispatcher, class... Arguments>
  serving(test::far_end& side, Dispatcher& on, kw::serve_options const& options, Arguments&... arguments) {
    asio::co_spawn(side.io, kw::serve(side.ws, on, options, arguments...), [this](std::exception_ptr how) {
      done = true;
      failure = how;
    });
    side.settle();
  }
};

}  // namespace
}  // namespace serve_tests

template <>
struct kindwire::json_codec<serve_tests::moody> {
  static bool read(json_reader& reader, serve_tests::moody&) {
    std::string ignored;
    return reader.read(ignored) && reader.reject("mood \xFF");
  }
};

namespace serve_tests {
namespace {

struct mood {
  moody of{};
  static constexpr auto schema = kw::kind("MOOD", kw::field("of", &mood::of));
};
struct weights {
  std::map<std::string, double> of;
  static constexpr auto schema = kw::kind("WEIGHTS", kw::field("of", &weights::of));
};

}  // namespace

TEST_CASE("what a handler returns is the answer, with the id of the question") {
  test::far_end side(kw::role::server);
  int notes = 0;
  kw::dispatcher on{[](get_user const& asked, int&) {
                      return user{asked.name, 7};
                    },
                    [](note, int& count) { ++count; }};
  serving const run(side, on, {}, notes);
  side.say(R"({"kind":"GET_USER","id":1,"name":"ann"})");
  side.say(R"({"kind":"NOTE","id":2,"text":""})");
  side.say(R"({"kind":"GET_USER","name":"bob","id":"\u0041-1"})");
  side.say(R"({"name":"cid","kind":"GET_USER"})");
  side.say(R"({"kind":"GET_USER","name":"dora","id":{}})");
  CHECK(side.heard() == texts{R"({"kind":"USER","id":1,"name":"ann","age":7})",
                              R"({"kind":"USER","id":"\u0041-1","name":"bob","age":7})",
                              R"({"kind":"USER","name":"cid","age":7})",
                              R"({"kind":"USER","name":"dora","age":7})"});
  CHECK(notes == 1);
  CHECK(!run.done);
  side.say_close();
  CHECK(side.heard() == texts{"close 1000 "});
  CHECK(run.done);
  CHECK(!run.failure);
}

TEST_CASE("a kind with a field that is called like the id keeps it") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](job asked) {
                      asked.id += 100;
                      return asked;
                    },
                    [](get_user const& asked) {
                      return job{42, asked.name};
                    }};
  serving const run(side, on, {});
  side.say(R"({"kind":"JOB","id":7,"name":"cat"})");
  side.say(R"({"kind":"GET_USER","id":1,"name":"ann"})");
  side.say(R"({"kind":"JOB","id":8})");
  side.say(R"({"kind":"JOB","id":9,"name":"","id":9})");
  CHECK(
      side.heard() ==
      texts{R"({"kind":"JOB","id":107,"name":"cat"})", R"({"kind":"JOB","id":42,"name":"ann"})",
            R"({"kind":"ERROR","id":8,"code":"missing_field","path":"/name",)"
            R"("message":"missing field \"name\""})",
            R"({"kind":"ERROR","code":"duplicate_field","path":"/id","message":"duplicate field \"id\""})"});
  CHECK(!run.done);
}

TEST_CASE("a question whose id stands twice is a bad message, unless it is said which counts") {
  constexpr std::string_view twice = R"({"kind":"GET_USER","id":1,"name":"ann","id":2})";
  int calls = 0;
  auto const handle = [&](get_user) {
    ++calls;
    return nobody{};
  };
  auto const heard = [&](auto& on, kw::on_bad_message what) {
    test::far_end side(kw::role::server);
    serving const run(side, on, {.on_bad_message = what});
    side.say(twice);
    return side.heard();
  };
  using enum kw::on_bad_message;
  kw::dispatcher strict{handle};
  CHECK(heard(strict, answer) == texts{R"({"kind":"ERROR","code":"duplicate_field","path":"/id",)"
                                       R"("message":"duplicate field \"id\""})"});
  CHECK(heard(strict, close_policy_violation) == texts{R"(close 1008 duplicate field "id")"});
  CHECK(heard(strict, ignore).empty());
  kw::dynamic_dispatcher<asio::awaitable<void>()> dynamic;
  dynamic.add([&](get_user) -> asio::awaitable<void> {
    ++calls;
    co_return;
  });
  CHECK(heard(dynamic, close_invalid_payload) == texts{R"(close 1007 duplicate field "id")"});
  CHECK(calls == 0);
  kw::dispatcher first{kw::json_options{.duplicates = kw::duplicate_policy::first}, handle};
  CHECK(heard(first, answer) == texts{R"({"kind":"NOBODY","id":1})"});
  kw::dispatcher last{kw::json_options{.duplicates = kw::duplicate_policy::last}, handle};
  CHECK(heard(last, answer) == texts{R"({"kind":"NOBODY","id":2})"});
  CHECK(calls == 2);
}

TEST_CASE("a handler may receive what comes after its message, and still answers that") {
  test::far_end side(kw::role::server);
  std::string const id = '"' + std::string(100, 'i') + '"';
  kw::net::websocket& ws = side.ws;
  kw::dispatcher on{[](note, kw::net::websocket& from) -> asio::awaitable<user> {
    int bytes = 0;
    while (kw::message const part = co_await from.receive()) {
      if (part.is_text()) break;
      bytes += static_cast<int>(part.size());
    }
    if (bytes == 0) throw kw::message_refused("empty");
    co_return user{"parts", bytes};
  }};
  serving const run(side, on, {}, ws);
  side.say(R"({"kind":"NOTE","text":"begin","id":)" + id + '}');
  side.settle();
  for (int part = 0; part < 3; ++part) {
    side.far->push_frame(side.of, kw::opcode::binary, std::string(1000, 'x'));
    side.settle();
  }
  side.say("end");
  side.say(R"({"kind":"NOTE","text":"begin","id":2})");
  side.say("end");
  CHECK(side.heard() == texts{R"({"kind":"USER","id":)" + id + R"(,"name":"parts","age":3000})",
                              R"({"kind":"ERROR","id":2,"code":"empty","path":"","message":""})"});
}

TEST_CASE("handlers that are coroutines are awaited, one message after the other") {
  test::far_end side(kw::role::server);
  std::vector<std::string> log;
  kw::dispatcher on{[&](get_user asked) -> asio::awaitable<user> {
                      log.push_back("asked " + asked.name);
                      co_await pass();
                      co_await pass();
                      log.push_back("answered " + asked.name);
                      co_return user{asked.name, 1};
                    },
                    [&](note said) -> asio::awaitable<void> {
                      co_await pass();
                      log.push_back(said.text);
                    }};
  serving const run(side, on, {});
  side.say(R"({"kind":"GET_USER","id":1,"name":"ann"})");
  side.say(R"({"kind":"NOTE","text":"noted"})");
  side.say(R"({"kind":"GET_USER","id":2,"name":"bob"})");
  CHECK(side.heard() == texts{R"({"kind":"USER","id":1,"name":"ann","age":1})",
                              R"({"kind":"USER","id":2,"name":"bob","age":1})"});
  CHECK(log == texts{"asked ann", "answered ann", "noted", "asked bob", "answered bob"});
}

TEST_CASE("a handler may answer one of several kinds, or refuse") {
  test::far_end side(kw::role::server);
  using answer = std::variant<user, nobody>;
  kw::dispatcher on{[](get_user const& asked) -> answer {
                      if (asked.name == "ann") return user{"ann", 7};
                      if (asked.name == "eve") throw kw::message_refused("forbidden", "not for eve");
                      return nobody{};
                    },
                    [](note said) -> asio::awaitable<answer> {
                      co_await pass();
                      if (said.text.empty()) throw kw::message_refused("empty");
                      co_return nobody{};
                    }};
  serving const run(side, on, {});
  for (std::string const name : {"ann", "bob", "eve"})
    side.say(R"({"kind":"GET_USER","id":1,"name":")" + name + "\"}");
  side.say(R"({"kind":"NOTE","text":"","id":2})");
  side.say(R"({"kind":"NOTE","text":"x","id":3})");
  CHECK(side.heard() ==
        texts{R"({"kind":"USER","id":1,"name":"ann","age":7})", R"({"kind":"NOBODY","id":1})",
              R"({"kind":"ERROR","id":1,"code":"forbidden","path":"","message":"not for eve"})",
              R"({"kind":"ERROR","id":2,"code":"empty","path":"","message":""})",
              R"({"kind":"NOBODY","id":3})"});
}

TEST_CASE("what comes of a bad message is the user's choice") {
  kw::dispatcher on{[](note) {}};
  auto const reaction = [&](kw::on_bad_message what, std::string_view text) {
    test::far_end side(kw::role::server);
    serving const run(side, on, {.on_bad_message = what});
    side.say(text);
    side.say(R"({"kind":"NOTE","text":"x"})");
    texts all = side.heard();
    CHECK(!run.failure);
    return all;
  };
  constexpr std::string_view unknown = R"({"kind":"NOTES","id":7})";
  using enum kw::on_bad_message;
  CHECK(reaction(ignore, unknown).empty());
  CHECK(reaction(answer, unknown) == texts{R"({"kind":"ERROR","id":7,"code":"unknown_kind","path":"/kind",)"
                                           R"("message":"unknown kind \"NOTES\"; did you mean \"NOTE\"?"})"});
  CHECK(reaction(answer, "{") ==
        texts{R"({"kind":"ERROR","code":"truncated","path":"",)"
              R"("message":"JSON ends too early at byte 1: expected a field name"})"});
  CHECK(reaction(answer, R"({"kind":"NOTE","id":8,"text":1})") ==
        texts{R"({"kind":"ERROR","id":8,"code":"wrong_type","path":"/text",)"
              R"("message":"field \"text\": expected a string, found a number"})"});
  CHECK(reaction(close_invalid_payload, unknown) ==
        texts{R"(close 1007 unknown kind "NOTES"; did you mean "NOTE"?)"});
  CHECK(reaction(close_policy_violation, "[]") == texts{"close 1008 expected an object, found an array"});
  CHECK(reaction(answer, R"({"kind":"NOTE","text":"x"})").empty());
  // The two ends do not go on telling each other so.
  CHECK(reaction(answer, R"({"kind":"ERROR","code":"unknown_kind"})").empty());
  CHECK(reaction(answer, R"({"code":"unknown_kind","kind":"ERROR"})").empty());
  CHECK(reaction(answer, R"({"kind":"ERR\u004fR","code":"unknown_kind"})").empty());
  // Nor with another key each.
  CHECK(reaction(answer, R"({"type":"ERROR","id":7,"code":"missing_kind"})").empty());
  CHECK(reaction(answer, R"({"type":"ERRO","id":7})").size() == 1);
  CHECK(reaction(answer, R"({"type":7,"x":"ERROR"})").size() == 1);
}

TEST_CASE("a reason that is too long for a Close is cut between characters") {
  kw::dispatcher on{[](note) {}};
  std::set<std::size_t> sizes;
  for (std::size_t backslashes = 46; backslashes <= 52; ++backslashes) {
    test::far_end side(kw::role::server);
    serving const run(side, on, {.on_bad_message = kw::on_bad_message::close_policy_violation});
    side.say(R"({"kind":")" + std::string(2 * backslashes, '\\') + "\u20AC\u20AC\u20AC\u20AC\"}");
    texts const all = side.heard();
    REQUIRE(all.size() == 1);
    CHECK(all[0].starts_with(R"(close 1008 unknown kind "\\)"));
    sizes.insert(all[0].size() - std::string_view{"close 1008 "}.size());
    side.say_close();
    side.far->end();
    side.settle();
    CHECK(run.done);
  }
  CHECK(*sizes.begin() == 121);
  CHECK(*sizes.rbegin() == 123);
}

TEST_CASE("what is said of a message is said without what is not UTF-8") {
  auto const heard = [](auto& on, kw::on_bad_message what, std::string_view text) {
    test::far_end side(kw::role::server);
    serving const run(side, on, {.on_bad_message = what});
    side.say(text);
    texts const all = side.heard();
    CHECK(!run.failure);
    return all;
  };
  using enum kw::on_bad_message;
  kw::dispatcher on{[](note said) {
                      if (said.text == "code") throw kw::message_refused("\xFF", "why");
                      throw kw::message_refused("why", said.text + '\xFF');
                    },
                    [](mood const&) {}, [](weights const&) {}};
  CHECK(heard(on, ignore, R"({"kind":"NOTE","id":1,"text":""})") ==
        texts{R"({"kind":"ERROR","id":1,"code":"why","path":"","message":""})"});
  CHECK(heard(on, ignore, R"({"kind":"NOTE","id":1,"text":"code"})") ==
        texts{R"({"kind":"ERROR","id":1,"code":"","path":"","message":"why"})"});
  constexpr std::string_view moods = R"({"kind":"MOOD","id":1,"of":""})";
  texts const answered = heard(on, answer, moods);
  REQUIRE(answered.size() == 1);
  CHECK(answered[0].starts_with(R"({"kind":"ERROR","id":1,"code":"rejected","path":"/of","message":")"));
  CHECK(kw::is_utf8(answered[0]));
  texts const closed = heard(on, close_invalid_payload, moods);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].starts_with("close 1007 "));
  CHECK(kw::is_utf8(closed[0]));
  // A name of the peer's, wherever it is cut.
  for (std::size_t size = 55; size < 130; ++size) {
    std::string const text = R"({"kind":"WEIGHTS","id":1,"of":{")" + std::string(size, 'x') +
                             "\U0001F600\U0001F600\U0001F600\U0001F600\":true}}";
    CHECK(heard(on, answer, text).at(0).starts_with(R"({"kind":"ERROR","id":1,"code":"wrong_type",)"));
    CHECK(heard(on, close_policy_violation, text).at(0).starts_with("close 1008 "));
  }
}

TEST_CASE("after a Close for a bad message no handler is called any more") {
  test::far_end side(kw::role::server);
  int notes = 0;
  kw::dispatcher on{[&](note) { ++notes; }};
  serving const run(side, on, {.on_bad_message = kw::on_bad_message::close_policy_violation});
  side.say(R"({"kind":"NOTE","text":"x"})");
  side.say("?");
  side.say(R"({"kind":"NOTE","text":"x"})");
  side.say_close(1008);
  side.heard();
  CHECK(notes == 1);
  side.far->end();
  side.settle();
  CHECK(run.done);
  CHECK(!run.failure);
}

TEST_CASE("a BINARY message is one that no handler takes") {
  kw::dispatcher on{[](note) {}};
  for (auto const what : {kw::on_bad_message::answer, kw::on_bad_message::close_invalid_payload}) {
    test::far_end side(kw::role::server);
    serving const run(side, on, {.on_bad_message = what});
    side.far->push_frame(side.of, kw::opcode::binary, "\x01");
    std::string const first = side.heard().front();
    if (what == kw::on_bad_message::answer) {
      CHECK(first == R"({"kind":"ERROR","code":"wrong_type","path":"",)"
                     R"("message":"expected a TEXT message, found a BINARY message"})");
    } else {
      CHECK(first == "close 1003 expected a TEXT message, found a BINARY message");
    }
  }
}

TEST_CASE("bad messages can be logged") {
  static std::vector<std::string> log;
  log.clear();
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](note) {}};
  serving const run(side, on,
                    {.on_bad_message = kw::on_bad_message::ignore,
                     .on_error = [](kw::json_error const& error) { log.push_back(error.message()); }});
  side.say("7");
  side.settle();
  CHECK(log == texts{"expected an object, found a number"});
}

TEST_CASE("with invalid_message a dispatcher reacts by itself") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](note) {},
                    [](kw::invalid_message const& m) {
                      return kw::error_message{"mine", {}, m.error.message()};
                    }};
  serving const run(side, on, {.on_bad_message = kw::on_bad_message::close_policy_violation});
  side.say(R"({"kind":"NOTE","id":5})");
  CHECK(side.heard() ==
        texts{R"({"kind":"ERROR","id":5,"code":"mine","path":"","message":"missing field \"text\""})"});
}

TEST_CASE("under another key, errors stand under it as well") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](typed message) { return message; }};
  serving const run(side, on, {.id_name = "number"});
  side.say(R"({"type":"TYPED","number":1,"x":2})");
  side.say(R"({"type":"TYPE","number":1,"id":2,"kind":3})");
  side.say(R"({"type":"ERROR","code":"x"})");
  CHECK(side.heard() == texts{R"({"type":"TYPED","number":1,"x":2})",
                              R"({"type":"ERROR","number":1,"code":"unknown_kind","path":"/type",)"
                              R"("message":"unknown kind \"TYPE\"; did you mean \"TYPED\"?"})"});
}

TEST_CASE("without an id, answers have none") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](get_user) { return nobody{}; }};
  serving const run(side, on, {.id_name = {}});
  side.say(R"({"kind":"GET_USER","id":7,"name":""})");
  CHECK(side.heard() == texts{R"({"kind":"NOBODY"})"});
}

TEST_CASE("what a handler throws ends it, as does a connection that breaks") {
  kw::dispatcher on{[](note said) -> asio::awaitable<void> {
    co_await pass();
    throw std::runtime_error(said.text);
  }};
  {
    test::far_end side(kw::role::server);
    serving const run(side, on, {});
    side.say(R"({"kind":"NOTE","text":"thrown"})");
    side.settle();
    REQUIRE(run.failure);
    try {
      std::rethrow_exception(run.failure);
    } catch (kw::handler_failed const& failure) {
      CHECK(std::string{failure.what()} == R"(handler of "NOTE": thrown)");
      CHECK(failure.kind() == "NOTE");
      CHECK_THROWS_WITH(std::rethrow_if_nested(failure), "thrown");
    }
  }
  test::far_end side(kw::role::server);
  serving const run(side, on, {});
  side.far->end();
  side.settle();
  REQUIRE(run.failure);
  try {
    std::rethrow_exception(run.failure);
  } catch (std::system_error const& error) {
    CHECK(error.code() == kw::error::connection_lost);
  }
}

TEST_CASE("an answer that cannot be encoded ends it") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](get_user const&) { return note{"\xFF"}; }};
  serving const run(side, on, {});
  side.say(R"({"kind":"GET_USER","id":1,"name":"ann"})");
  CHECK(side.heard().empty());
  REQUIRE(run.failure);
  try {
    std::rethrow_exception(run.failure);
  } catch (std::system_error const& error) {
    CHECK(error.code().category() == kw::encoding_category());
    CHECK(error.code() ==
          std::error_condition(static_cast<int>(kw::json_errc::invalid_utf8), kw::json_category()));
    CHECK(std::string{error.what()} ==
          R"(handler of "GET_USER": NOTE: field "text": string that is not UTF-8 at byte 0)");
  }
}

TEST_CASE("what a handler has from the system keeps its code, and names the kind") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](note) -> asio::awaitable<void> {
    co_await pass();
    throw std::system_error(std::make_error_code(std::errc::permission_denied));
  }};
  serving const run(side, on, {});
  side.say(R"({"text":"\n","kind":"NOTE"})");
  side.settle();
  REQUIRE(run.failure);
  try {
    std::rethrow_exception(run.failure);
  } catch (std::system_error const& error) {
    CHECK(error.code() == std::errc::permission_denied);
    CHECK(std::string_view{error.what()}.starts_with(R"(handler of "NOTE": )"));
    CHECK_THROWS_AS(std::rethrow_if_nested(error), std::system_error);
  }
}

TEST_CASE("sending a value that cannot be encoded reports why") {
  test::far_end side(kw::role::server);
  note const broken{"\xFF"};
  std::string const said = R"(NOTE: field "text": string that is not UTF-8 at byte 0)";
  CHECK(side.ws.try_send(broken).message() == said);
  CHECK(side.ws.remote().send(broken).message() == said);
  std::string thrown;
  asio::co_spawn(side.io, side.ws.send(broken), [&](std::exception_ptr how, auto&&...) {
    try {
      std::rethrow_exception(how);
    } catch (std::system_error const& error) {
      thrown = error.what();
    }
  });
  side.settle();
  CHECK(thrown == said);
  CHECK(side.heard().empty());
}

TEST_CASE("handlers get arguments without options, too") {
  test::far_end side(kw::role::server);
  int notes = 0;
  kw::dispatcher on{[](note, int& count) { ++count; }};
  asio::co_spawn(side.io, kw::serve(side.ws, on, notes), [](std::exception_ptr) {});
  side.settle();
  side.say(R"({"kind":"NOTE","text":""})");
  side.settle();
  CHECK(notes == 1);
}

TEST_CASE("questions whose handlers return nothing are acknowledged on request") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](note) {}, [](get_user) -> asio::awaitable<void> { co_await pass(); },
                    [](job) { return nobody{}; }};
  serving const run(side, on, {.acknowledge = true});
  side.say(R"({"kind":"NOTE","id":1,"text":""})");
  side.say(R"({"kind":"GET_USER","id":"2","name":""})");
  side.say(R"({"kind":"NOTE","text":""})");
  side.say(R"({"kind":"JOB","id":3,"name":""})");
  CHECK(side.heard() ==
        texts{R"({"kind":"DONE","id":1})", R"({"kind":"DONE","id":"2"})", R"({"kind":"NOBODY","id":3})"});
}

TEST_CASE("an answer to who has closed meanwhile is no error") {
  test::far_end side(kw::role::server);
  kw::dispatcher on{[](get_user) -> asio::awaitable<nobody> {
    for (int turn = 0; turn < 50; ++turn) co_await pass();
    co_return nobody{};
  }};
  serving const run(side, on, {});
  side.say(R"({"kind":"GET_USER","id":7,"name":""})");
  side.say_close();
  CHECK(side.heard() == texts{"close 1000 "});
  CHECK(run.done);
  CHECK(!run.failure);
}

TEST_CASE("handlers of a dynamic_dispatcher serve, also one that removes itself") {
  test::far_end side(kw::role::server);
  kw::dynamic_dispatcher<asio::awaitable<void>(kw::net::websocket&)> on;
  on.add(
      "BYE",
      [&on, text = std::string(100, 'x')](kw::raw_message, kw::net::websocket& ws) -> asio::awaitable<void> {
        on.remove("BYE");
        co_await pass();
        co_await ws.send(text);
      });
  kw::net::websocket& ws = side.ws;
  serving const run(side, on, {}, ws);
  side.say(R"({"kind":"BYE"})");
  side.say(R"({"kind":"BYE","id":1})");
  texts const all = side.heard();
  REQUIRE(all.size() == 2);
  CHECK(all[0] == std::string(100, 'x'));
  CHECK(all[1] ==
        R"({"kind":"ERROR","id":1,"code":"unknown_kind","path":"/kind","message":"unknown kind \"BYE\""})");
}

TEST_CASE("a message is handled by the handlers that were there when it came, whoever changes them") {
  using table = kw::dynamic_dispatcher<asio::awaitable<void>(std::string&)>;
  // Of another thread, which is always quick enough.
  struct racing : table {
    auto hold() {
      auto now = table::hold();
      replace("WHO", [](kw::raw_message, std::string& log) -> asio::awaitable<void> {
        log += "later ";
        co_return;
      });
      return now;
    }
  };
  test::far_end side(kw::role::server);
  racing on;
  on.add("WHO", [name = std::string(100, 'x')](kw::raw_message, std::string& log) -> asio::awaitable<void> {
    co_await pass();
    log += name + ' ';
  });
  std::string log;
  serving const run(side, on, {}, log);
  side.say(R"({"kind":"WHO"})");
  side.say(R"({"kind":"WHO"})");
  side.settle();
  CHECK(log == std::string(100, 'x') + " later ");
}

}  // namespace serve_tests
