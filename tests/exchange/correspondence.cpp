#include <kindwire/exchange/correspondence.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <kindwire/exchange/correspondent.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include "asking.hpp"

namespace correspondence_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::exchange_errc;
using test::answer;
using test::asking;
using test::get_user;
using test::texts;
using test::user;

TEST_CASE("who reads no more, since nobody receives, keeps no context for questions that have ended") {
  asking side({.read_ahead = 100}, {.read_ahead = 64, .ping_interval = 0ms});
  side.far->max_read = 64;
  asking::outcome answered;
  side.ask(answered);
  side.say(answer(1, 7));
  SUBCASE("answered before") {}
  SUBCASE("cancelled after") {
    get_user const question{"ann"};
    auto request = std::optional(side.talk->request<user>(question, 1h));
    for (int index = 0; index < 10; ++index) side.say(std::string(60, 'x'));
    side.settle();
    request.reset();
  }
  for (int index = 0; index < 10; ++index) side.say(std::string(60, 'x'));
  side.settle();
  CHECK(answered.age == 7);
  side.far->end();
  side.io.restart();
  side.io.run_for(2s);
  CHECK(side.io.stopped());
}

TEST_CASE("what is no answer is received") {
  asking side;
  asking::receiving others;
  side.receive(others);
  side.say(answer(1, 1));  // nothing was asked
  side.settle();
  asking::outcome result;
  side.ask(result);
  texts const said{answer(1, 1),                           // before anything was asked
                   R"({"kind":"USER","age":1})",           // no id
                   R"({"kind":"USER","id":"1","age":1})",  // not ours
                   R"({"kind":"USER","id":1.0,"age":1})",
                   R"({"kind":"USER","id":-1,"age":1})",
                   R"({"kind":"USER","id":2,"age":1})",  // one of the other side's
                   R"({"kind":"USER","id":0,"age":1})",
                   R"({"kind":"USER","id":1,"age":1,"id":1})",  // which?
                   R"({"id":1,"kind":"USER","age":1,"id":3})",
                   R"({"kind":"OTHER","id":1})",  // no answer to this
                   R"({"kind":"OTHER","id":3})",
                   R"({"kind":"ERROR","id":3,"code":"x"})",  // about what was sent otherwise
                   R"(plain text)"};
  for (std::size_t index = 1; index < said.size(); ++index) side.say(said[index]);
  side.far->push_frame(side.of, kw::opcode::binary, "\x01\x02");
  side.settle();
  CHECK(!result.done);
  texts all = said;
  all.push_back("\x01\x02");
  CHECK(others.all == all);
  side.say(answer(1, 7));
  side.settle();
  CHECK(result.age == 7);
}

TEST_CASE("an answer to nothing that was asked ends the connection") {
  asking side;
  asking::outcome result;
  side.ask(result);
  side.heard();
  side.say(answer(3, 1));
  CHECK(side.heard() == texts{"close 1008 an answer to nothing that was asked"});
  CHECK(result.error == exchange_errc::unknown_id);
  asking::outcome late;
  side.ask(late);
  side.settle();
  CHECK(late.error);
  asking::receiving others;
  side.receive(others);
  side.say_close();
  side.far->end();
  side.settle();
  CHECK(others.error == exchange_errc::unknown_id);
}

TEST_CASE("an answer to nothing that was asked can be received instead") {
  asking side({.on_unknown_id = kw::on_unknown_id::deliver});
  asking::outcome result;
  asking::receiving others;
  side.ask(result);
  side.receive(others);
  side.say(answer(3, 1));
  side.say(answer(1, 7));
  side.settle();
  CHECK(others.all == texts{answer(3, 1)});
  CHECK(result.age == 7);
}

TEST_CASE("a server's ids are even, whatever its websocket comes from") {
  test::far_end side(kw::role::server);
  kw::net::websocket& ws = side.ws;
  kw::correspondent talk{ws};
  get_user const question{"ann"};
  bool done = false;
  for (int index = 0; index < 2; ++index) {
    talk.request<user>(question, 1h,
                       [&](std::error_code, kw::reply<user> reply) { done = static_cast<bool>(reply); });
  }
  CHECK(side.heard() ==
        texts{R"({"kind":"GET_USER","id":2,"name":"ann"})", R"({"kind":"GET_USER","id":4,"name":"ann"})"});
  side.say(answer(4, 7));
  side.settle();
  CHECK(done);
}

TEST_CASE("messages wait for receive() up to a mark, then nothing is read, and nothing is lost") {
  asking side({.read_ahead = 100}, {.read_ahead = 64});
  side.far->max_read = 64;
  texts said;
  for (int index = 0; index < 100; ++index) {
    said.push_back(R"({"kind":"NEWS","number":)" + std::to_string(index) + '}');
    side.say(said.back());
  }
  side.settle();
  CHECK(side.far->incoming.size() > 1000);
  asking::outcome result;
  side.ask(result);
  side.say(answer(1, 7));
  side.settle();
  CHECK(!result.done);
  asking::receiving others;
  side.receive(others);
  side.settle();
  CHECK(others.all == said);
  CHECK(result.age == 7);
  CHECK(side.far->incoming.empty());
}

TEST_CASE("who closes hears of the end, also if nobody receives") {
  asking side({.read_ahead = 90}, {.read_ahead = 64});  // one of these, whatever a std::string takes
  side.far->max_read = 64;
  asking::outcome first;
  asking::outcome second;
  side.ask(first);
  side.ask(second);
  for (int index = 0; index < 10; ++index) side.say(std::string(60, 'x'));
  side.say(answer(1, 7));
  side.say_close();
  side.settle();
  CHECK(!first.done);
  SUBCASE("with a token") {
    bool closed = false;
    side.talk->close(kw::close_code::normal, "", [&](std::error_code error) { closed = !error; });
    side.settle();
    side.far->end();
    side.settle();
    CHECK(closed);
  }
  SUBCASE("without waiting") {
    CHECK(side.talk->try_close(kw::close_code::no_status, "why") == kw::error::invalid_argument);
    side.settle();
    CHECK(!first.done);
    CHECK(!side.talk->try_close());
    side.settle();
  }
  CHECK(first.age == 7);
  CHECK(second.error == kw::error::closed);
  // What waited is still there; what came behind it is not.
  int count = 0;
  while (side.talk->try_receive()) ++count;
  CHECK(count == 1);
}

TEST_CASE("what has been received makes room again") {
  asking side({.read_ahead = 100}, {.read_ahead = 64});
  for (std::size_t round = 0; round < 20; ++round) {
    std::string const text(round % 2 == 0 ? 60 : 6, 'x');
    side.say(text);
    side.settle();
    CHECK(side.talk->try_receive().text() == text);
  }
  asking::outcome result;
  side.ask(result);
  side.say(answer(1, 7));
  side.settle();
  CHECK(result.age == 7);
}

TEST_CASE("messages without a byte fill the mark, too, with what it takes to keep them") {
  asking side({}, {.read_ahead = 64});
  side.far->max_read = 64;
  constexpr std::size_t count = 20'000;
  for (std::size_t index = 0; index < count; ++index) side.say("");
  side.settle();
  CHECK(side.far->incoming.size() > count);
  asking::receiving others;
  side.receive(others);
  side.settle();
  CHECK(others.all.size() == count);
}

TEST_CASE("a received message stays until the next receive, whatever is answered meanwhile") {
  asking side;
  asio::co_spawn(
      side.io,
      [&]() -> asio::awaitable<void> {
        kw::message const first = co_await side.talk->receive();
        get_user const question{"ann"};
        user const ann = co_await side.talk->request<user>(question, 1h);
        CHECK(ann.age == 7);
        CHECK(first.text() == "first");
        CHECK(side.talk->try_receive().text() == "second");
        CHECK(!side.talk->try_receive());
      },
      [](std::exception_ptr failure) { CHECK(!failure); });
  side.settle();
  side.say("first");
  side.settle();
  side.say("second");
  side.say(answer(1, 7));
  side.settle();
}

TEST_CASE("only one receive may wait, and it can be cancelled without a loss") {
  asking side;
  asio::cancellation_signal signal;
  std::optional<std::error_code> ended;
  side.talk->receive(asio::bind_cancellation_slot(
      signal.slot(), [&](std::error_code error, kw::message) { ended = error; }));
  std::error_code second;
  side.talk->receive([&](std::error_code error, kw::message) { second = error; });
  side.settle();
  CHECK(second == kw::error::operation_in_progress);
  CHECK(!ended);
  signal.emit(asio::cancellation_type::all);
  side.say("kept");
  side.settle();
  CHECK(ended == asio::error::operation_aborted);
  CHECK(side.talk->try_receive().text() == "kept");
}

TEST_CASE("a connection that ends ends every request, each way with its own error") {
  SUBCASE("the peer closes") {
    asking side;
    std::vector<asking::outcome> outcomes(3);
    for (auto& each : outcomes) side.ask(each);
    asking::receiving others;
    side.say("last");
    side.say(answer(3, 7));
    side.say_close();
    side.settle();
    CHECK(outcomes[0].error == kw::error::closed);
    CHECK(outcomes[1].age == 7);
    CHECK(outcomes[2].error == kw::error::closed);
    side.receive(others);
    side.settle();
    CHECK(others.all == texts{"last"});
    CHECK(others.done);
    CHECK(!others.error);
    asking::outcome late;
    side.ask(late);
    side.settle();
    CHECK(late.error == kw::error::closed);
    CHECK(side.talk->websocket().close_code() == kw::close_code::normal);
  }
  SUBCASE("it breaks") {
    asking side;
    asking::outcome result;
    side.ask(result);
    side.far->end();
    side.settle();
    CHECK(result.error == kw::error::connection_lost);
    asking::receiving others;
    side.receive(others);
    side.settle();
    CHECK(others.error == kw::error::connection_lost);
  }
  SUBCASE("we close: answers that come before the peer's Close still arrive") {
    asking side;
    std::vector<asking::outcome> outcomes(2);
    for (auto& each : outcomes) side.ask(each);
    bool closed = false;
    side.talk->close(kw::close_code::normal, "", [&](std::error_code) { closed = true; });
    side.settle();
    CHECK(!outcomes[0].done);
    asking::outcome late;
    side.ask(late);
    side.settle();
    CHECK(late.error == kw::error::closed);
    side.say(answer(1, 7));
    side.say_close();
    side.far->end();
    side.settle();
    CHECK(outcomes[0].age == 7);
    CHECK(outcomes[1].error == kw::error::closed);
    CHECK(closed);
  }
}

}  // namespace correspondence_tests
