#include <kindwire/exchange/correspondent.hpp>

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <exception>
#include <future>
#include <kindwire/json/dispatcher.hpp>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "asking.hpp"

namespace correspondent_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::exchange_errc;
using test::answer;
using test::asking;
using test::get_user;
using test::texts;
using test::user;

namespace {

struct size_of {
  int of;
  static constexpr auto schema = kw::kind("GR\u00D6SSE", kw::field("of", &size_of::of));
};
struct with_id {
  int id;
  static constexpr auto schema = kw::kind("WITH_ID", kw::field("id", &with_id::id));
};
struct nobody {
  static constexpr auto schema = kw::kind("NOBODY");
};
struct typed {
  static constexpr auto schema = kw::kind("TYPED", kw::key("type"));
};
struct positive {
  int value;
};

}  // namespace
}  // namespace correspondent_tests

template <>
struct kindwire::json_codec<correspondent_tests::positive> {
  static bool read(json_reader& reader, correspondent_tests::positive& to) {
    if (!reader.read(to.value)) return false;
    if (to.value == -1) throw std::range_error("thrown by a codec");
    if (to.value == -2) throw std::bad_alloc();
    return true;
  }
};

namespace correspondent_tests {
namespace {

struct measured {
  positive of;
  static constexpr auto schema = kw::kind("MEASURED", kw::field("of", &measured::of));
};

}  // namespace

TEST_CASE("a question has an id, and the message with the same id is its answer") {
  asking side;
  asking::outcome first;
  asking::outcome second;
  side.ask(first);
  side.ask(second);
  CHECK(side.talk->outstanding() == 2);
  CHECK(side.heard() ==
        texts{R"({"kind":"GET_USER","id":1,"name":"ann"})", R"({"kind":"GET_USER","id":3,"name":"ann"})"});
  side.say(answer(3, 30));
  side.settle();
  CHECK(!first.done);
  REQUIRE(second.done);
  CHECK(second.age == 30);
  side.say(R"({"age":10,"id":1,"kind":"USER"})");
  side.settle();
  REQUIRE(first.done);
  CHECK(!first.error);
  CHECK(first.age == 10);
  CHECK(side.talk->outstanding() == 0);
}

TEST_CASE("kinds are the same with and without escapes") {
  asking side;
  get_user const question{"ann"};
  std::vector<int> sizes;
  for (int index = 0; index < 2; ++index) {
    side.talk->request<size_of>(question, 1h, [&](std::error_code error, kw::reply<size_of> reply) {
      CHECK(!error);
      if (reply) sizes.push_back(reply->of);
    });
  }
  side.say(R"({"kind":"GR\u00d6SSE","id":1,"of":7})");  // as Python's json.dumps() writes it
  side.say("{\"kind\":\"GR\u00D6SSE\",\"id\":3,\"of\":8}");
  side.settle();
  CHECK(sizes == std::vector{7, 8});
  asking::outcome result;
  side.ask(result);
  side.say(R"({"kind":"\u0045RROR","id":5,"code":"no"})");
  side.settle();
  CHECK(result.error == exchange_errc::refused);
}

TEST_CASE("a thousand questions are answered in any order, between other messages") {
  asking side;
  constexpr int count = 1000;
  std::vector<asking::outcome> outcomes(count);
  for (auto& each : outcomes) side.ask(each);
  CHECK(side.heard().size() == count);
  std::vector<int> order(count);
  for (int index = 0; index < count; ++index) order[static_cast<std::size_t>(index)] = index;
  std::shuffle(order.begin(), order.end(), std::mt19937{20261125});
  asking::receiving others;
  texts said;
  for (int const index : order) {
    side.say(answer(2 * index + 1, index));
    if (index % 10 == 0) {
      said.push_back(R"({"kind":"NEWS","number":)" + std::to_string(index) + '}');
      side.say(said.back());
    }
    if (index == 500) side.receive(others);
    if (index % 7 == 0) side.settle();
  }
  side.settle();
  for (int index = 0; index < count; ++index) {
    auto const& each = outcomes[static_cast<std::size_t>(index)];
    REQUIRE(each.done);
    CHECK(!each.error);
    CHECK(each.age == index);
  }
  CHECK(others.all == said);
  CHECK(side.talk->outstanding() == 0);
  CHECK(side.talk->late_answers() == 0);
}

TEST_CASE("who is not answered in time gets an error, and what comes later harms nobody") {
  asking side;
  asking::outcome slow;
  asking::outcome slower;
  asking::outcome patient;
  side.ask(patient);
  side.ask(slower, 20ms);
  side.ask(slow, 1ms);
  side.io.restart();
  while (!slower.done) side.io.run_one();
  CHECK(slow.error == exchange_errc::timed_out);
  CHECK(slower.error == exchange_errc::timed_out);
  CHECK(slow.error.message() == "no answer in time");
  CHECK(!patient.done);
  asking::receiving others;
  side.receive(others);
  side.say(answer(3, 0));
  side.say(answer(5, 0));
  side.say(R"({"kind":"ERROR","id":5,"code":"busy"})");
  side.say(answer(1, 7));
  side.say(answer(1, 7));
  side.settle();
  CHECK(patient.age == 7);
  CHECK(others.all.empty());
  CHECK(side.talk->late_answers() == 4);
}

TEST_CASE("a request is not held guilty of what held up the loop") {
  asking side;
  asking::outcome answered;
  asking::outcome unanswered;
  side.ask(answered, 40ms);
  side.ask(unanswered, 40ms);
  auto const begin = std::chrono::steady_clock::now();
  // Its answer is there when the time is over, and is read a little later.
  asio::post(side.io, [&] {
    std::this_thread::sleep_for(80ms);
    asio::post(side.io, [&] { asio::post(side.io, [&] { side.say(answer(1, 7)); }); });
  });
  side.io.restart();
  while (!unanswered.done) side.io.run_one();
  CHECK(answered.age == 7);
  CHECK(unanswered.error == exchange_errc::timed_out);
  CHECK(std::chrono::steady_clock::now() - begin >= 115ms);
}

TEST_CASE("a request without a chance times out at once") {
  asking side;
  asking::outcome result;
  side.ask(result, 0ms);
  CHECK(!result.done);
  side.io.restart();
  while (!result.done) side.io.run_one();
  CHECK(result.error == exchange_errc::timed_out);
  // When the connection has ended, nothing keeps the context running.
  asking::outcome other;
  side.ask(other, 1h);
  side.say_close();
  side.far->end();
  side.io.restart();
  side.io.run_for(4s);
  CHECK(side.io.stopped());
}

TEST_CASE("a timeout may be of any length") {
  asking side;
  std::vector<asking::outcome> patient(5);
  side.ask(patient[0], std::chrono::milliseconds::max());
  side.ask(patient[1], std::chrono::hours::max());
  side.ask(patient[2], std::chrono::nanoseconds::max());
  side.ask(patient[3], std::chrono::duration<double>(1e300));
  side.ask(patient[4], std::chrono::duration<float>(std::numeric_limits<float>::infinity()));
  std::vector<asking::outcome> hasty(4);
  side.ask(hasty[0], -1ms);
  side.ask(hasty[1], std::chrono::milliseconds::min());
  side.ask(hasty[2], std::chrono::hours::min());
  side.ask(hasty[3], std::chrono::duration<double>(std::nan("")));
  for (auto const& each : hasty) CHECK(!each.done);
  side.io.restart();
  while (side.talk->outstanding() > patient.size()) side.io.run_one();
  side.settle();
  for (auto const& each : hasty) CHECK(each.error == exchange_errc::timed_out);
  for (auto const& each : patient) CHECK(!each.done);
  for (int index = 0; index < 5; ++index) side.say(answer(2 * index + 1, index));
  side.settle();
  for (auto const& each : patient) CHECK(each.age == &each - patient.data());
}

TEST_CASE("an error_message with the id refuses, and says why") {
  asking side;
  asking::outcome result;
  side.ask(result);
  side.say(R"({"kind":"ERROR","id":1,"code":"forbidden","path":"/name","message":"not for you"})");
  side.settle();
  CHECK(result.error == exchange_errc::refused);
  CHECK(result.why.code == "forbidden");
  CHECK(result.why.path == "/name");
  CHECK(result.why.message == "not for you");
  // Theirs may look otherwise.
  result = {};
  side.ask(result);
  side.say(R"({"kind":"ERROR","id":3,"reason":"theirs"})");
  side.settle();
  CHECK(result.error == exchange_errc::refused);
  CHECK(result.why.message == R"({"kind":"ERROR","id":3,"reason":"theirs"})");
}

TEST_CASE("an answer that cannot be decoded is an error of its own") {
  asking side;
  asking::outcome result;
  side.ask(result);
  side.say(R"({"kind":"USER","id":1,"age":"7"})");
  side.settle();
  CHECK(result.error == exchange_errc::invalid_answer);
  CHECK(result.why.code == "wrong_type");
  CHECK(result.why.path == "/age");
  result = {};
  side.ask(result);
  side.say(R"({"kind":"USER","id":3,"age":)");
  side.settle();
  CHECK(result.error == exchange_errc::invalid_answer);
  CHECK(result.why.code == "truncated");
  result = {};
  side.ask(result);
  side.say(R"({"kind":"USER","id":5,"age":1,"kind":"USER"})");
  side.settle();
  CHECK(result.error == exchange_errc::invalid_answer);
  CHECK(result.why.code == "duplicate_field");
}

TEST_CASE("one of several kinds may be the answer") {
  asking side;
  get_user const question{"ann"};
  using either = std::variant<user, nobody>;
  texts all;
  for (int index = 0; index < 3; ++index) {
    side.talk->request<either>(question, 1h, [&](std::error_code error, kw::reply<either> reply) {
      if (error) return all.push_back(error.message());
      auto const* const found = std::get_if<user>(&*reply);
      all.push_back(found != nullptr ? std::to_string(found->age) : "nobody");
    });
  }
  side.say(R"({"id":3,"kind":"NOBODY"})");
  side.say(answer(1, 7));
  side.say(R"({"id":5,"kind":"USER"})");
  side.settle();
  CHECK(all == texts{"nobody", "7", "an answer that cannot be decoded"});
  CHECK(side.talk->outstanding() == 0);
}

TEST_CASE("what a codec throws ends its request, and no other") {
  for (bool const memory : {false, true}) {
    CAPTURE(memory);
    asking side;
    get_user const question{"ann"};
    std::optional<std::error_code> first;
    side.talk->request<measured>(question, 1h,
                                 [&](std::error_code error, kw::reply<measured>) { first = error; });
    asking::outcome second;
    side.ask(second);
    asking::receiving rest;
    side.receive(rest);
    side.settle();
    side.say(R"({"kind":"MEASURED","id":1,"of":)" + std::to_string(memory ? -2 : -1) + '}');
    if (memory) {
      side.settle();
      CHECK(second.error == std::errc::not_enough_memory);
      CHECK(side.heard().back() == "close 1011 ");
    } else {
      CHECK_THROWS_AS(side.settle(), std::range_error);
      side.settle();
      side.say(answer(3, 42));
      side.say("more");
      side.settle();
      CHECK(second.age == 42);
      CHECK(rest.all == texts{"more"});
      CHECK(side.talk->outstanding() == 0);
    }
    REQUIRE(first.has_value());
    CHECK(*first == (memory ? std::make_error_code(std::errc::not_enough_memory)
                            : make_error_code(kw::exchange_errc::invalid_answer)));
  }
}

TEST_CASE("what the other side says of a refusal is fit for a log, and UTF-8") {
  asking side;
  asking::outcome forged, broken;
  side.ask(forged);
  side.ask(broken);
  side.settle();
  side.say("{\"kind\":\"ERROR\",\"id\":1,\"code\":\"x\",\"message\":\"no\\nall is well\\u001b[31m\"}");
  std::string wrong = R"({"kind":"ERROR","id":3,"code":1,"message":")";
  wrong.resize(255, 'a');
  side.say(wrong + "\u00F6\"}");
  side.settle();
  std::string const said = kw::request_error(forged.error, forged.why).what();
  CHECK(said.starts_with(R"(no\x0aall is well\x1b[31m)"));
  CHECK(forged.why.message == "no\nall is well\x1b[31m");
  CHECK(broken.why.message == wrong);
}

TEST_CASE("what comes after a receive that was cancelled waits for the next, also where there is no room") {
  for (std::size_t const before : {0u, 1u}) {
    CAPTURE(before);
    asking side({.read_ahead = before == 0 ? std::size_t{0} : std::size_t{100}});
    texts expected;
    for (std::size_t index = 0; index != before; ++index) {
      expected.push_back(std::string(100, 'q'));
      side.say(expected.back());
    }
    side.settle();
    asio::cancellation_signal signal;
    std::error_code ended;
    texts first;
    side.talk->receive(
        asio::bind_cancellation_slot(signal.slot(), [&](std::error_code error, kw::message msg) {
          ended = error;
          if (msg) first.emplace_back(msg.text());
        }));
    if (before == 0) side.settle();
    signal.emit(asio::cancellation_type::all);
    side.say("A");
    side.say("B");
    side.settle();
    asking::receiving rest;
    side.receive(rest);
    side.settle();
    first.insert(first.end(), rest.all.begin(), rest.all.end());
    expected.insert(expected.end(), {"A", "B"});
    CHECK(first == expected);
    CHECK(!rest.done);
  }
}

TEST_CASE("a request can be cancelled on its own") {
  asking side;
  asio::cancellation_signal signal;
  asking::outcome other;
  get_user const question{"ann"};
  std::optional<std::error_code> ended;
  side.talk->request<user>(
      question, 1h, asio::bind_cancellation_slot(signal.slot(), [&](std::error_code error, kw::reply<user>) {
        ended = error;
      }));
  side.ask(other);
  side.settle();
  signal.emit(asio::cancellation_type::terminal);
  CHECK(!ended);
  side.settle();
  CHECK(ended == asio::error::operation_aborted);
  CHECK(side.talk->outstanding() == 1);
  side.say(answer(1, 1));
  side.say(answer(3, 3));
  side.settle();
  CHECK(other.age == 3);
  CHECK(side.talk->late_answers() == 1);
}

TEST_CASE("awaited requests throw what is known, and can be cancelled") {
  asking side;
  asio::cancellation_signal signal;
  std::vector<std::string> log;
  asio::co_spawn(
      side.io,
      [&]() -> asio::awaitable<void> {
        get_user const question{"ann"};
        user const first = co_await side.talk->request<user>(question, 1h);
        log.push_back(std::to_string(first.age));
        try {
          co_await side.talk->request<user>(question, 1h);
        } catch (kw::request_error const& error) {
          CHECK(error.code() == exchange_errc::refused);
          log.push_back(error.why().code + ": " + error.what());
        }
        co_await side.talk->request<user>(question, 1h);
      },
      asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr failure) {
        try {
          std::rethrow_exception(failure);
        } catch (std::system_error const& error) {
          CHECK(error.code() == asio::error::operation_aborted);
          log.push_back("cancelled");
        }
      }));
  side.settle();
  side.say(answer(1, 7));
  side.settle();
  side.say(R"({"kind":"ERROR","id":3,"code":"busy","message":"later"})");
  side.settle();
  CHECK(side.talk->outstanding() == 1);
  signal.emit(asio::cancellation_type::terminal);
  side.settle();
  REQUIRE(log.size() == 3);
  CHECK(log[0] == "7");
  CHECK(log[1].starts_with("busy: later"));
  CHECK(log[2] == "cancelled");
  CHECK(side.talk->outstanding() == 0);
}

TEST_CASE("a request that nobody awaits is given up, and one that is awaited late has its answer") {
  asking side;
  get_user const question{"ann"};
  { auto const dropped = side.talk->request<user>(question, 1h); }
  CHECK(side.talk->outstanding() == 0);
  auto kept = side.talk->request<user>(question, 1h);
  side.say(answer(3, 7));
  side.settle();
  int age = 0;
  asio::co_spawn(
      side.io, [&]() -> asio::awaitable<void> { age = (co_await std::move(kept)).age; }, asio::detached);
  side.settle();
  CHECK(age == 7);
}

TEST_CASE("a request, and a receive, that are awaited when the correspondent is gone have been cancelled") {
  asking side;
  get_user const question{"ann"};
  auto request = side.talk->request<user>(question, 1h);
  auto receiving = side.talk->receive();
  side.talk.reset();
  std::vector<std::error_code> errors;
  auto const note = [&](std::exception_ptr failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (std::system_error const& error) {
      errors.push_back(error.code());
    }
  };
  asio::co_spawn(
      side.io, [&]() -> asio::awaitable<void> { co_await std::move(request); }, note);
  asio::co_spawn(
      side.io, [&]() -> asio::awaitable<void> { co_await std::move(receiving); }, note);
  side.settle();
  REQUIRE(errors.size() == 2);
  for (auto const each : errors) CHECK(each == asio::error::operation_aborted);
}

TEST_CASE("destroyed in the middle, it ends everything") {
  std::vector<asking::outcome> outcomes(3);
  asking::receiving others;
  asking side;
  for (auto& each : outcomes) side.ask(each);
  side.receive(others);
  side.settle();
  side.say(answer(1, 1));
  side.talk.reset();
  CHECK(!outcomes[1].done);
  side.settle();
  for (auto const& each : outcomes) CHECK(each.error == asio::error::operation_aborted);
  CHECK(others.error == asio::error::operation_aborted);
  CHECK(side.far->closed);
}

TEST_CASE("destroyed at any moment, it ends everything once") {
  for (bool const borrowed : {false, true}) {
    int most = 0;
    for (bool over = false; !over; ++most) {
      test::far_end side(kw::role::client);
      kw::net::websocket& ws = side.ws;
      std::optional<kw::correspondent> talk;
      if (borrowed) {
        talk.emplace(ws);
      } else {
        talk.emplace(std::move(ws));
      }
      get_user const question{"ann"};
      int ends = 0;
      int awaited = 0;
      bool begun = false;  // then nobody uses what is destroyed
      for (int index = 0; index < 3; ++index) {
        talk->request<user>(question, 1h, [&](std::error_code, kw::reply<user>) { ++ends; });
      }
      talk->receive([&](std::error_code, kw::message) { ++ends; });
      asio::co_spawn(
          side.io,
          [&]() -> asio::awaitable<void> {
            auto request = talk->request<user>(question, 1h);
            begun = true;
            try {
              co_await std::move(request);
            } catch (std::system_error const&) {}
          },
          [&](std::exception_ptr failure) {
            CHECK(!failure);
            ++awaited;
          });
      side.say(answer(3, 1));
      side.say("something else");
      side.say(answer(7, 1));
      side.say("more");
      side.say(answer(1, 1));
      side.io.restart();
      int turns = 0;
      while (!begun) side.io.poll_one();
      while (turns != most && side.io.poll_one() != 0) ++turns;
      over = turns < most;
      talk.reset();
      side.settle();
      CAPTURE(turns);
      CHECK(ends == 4);
      CHECK(awaited == 1);
      CHECK(side.far->closed == !borrowed);
    }
    CHECK(most > 5);
  }
}

TEST_CASE("a message that is received is there, whenever the correspondent is destroyed") {
  std::string const text(1000, 'x');
  for (bool const queued : {false, true}) {
    int received = 0;
    int most = 0;
    for (bool over = false; !over; ++most) {
      asking side;
      int ends = 0;
      auto const receive = [&] {
        side.talk->receive([&](std::error_code error, kw::message msg) {
          ++ends;
          CHECK(static_cast<bool>(msg) == !error);
          if (msg) CHECK(msg.text() == text);
          if (msg) ++received;
        });
      };
      if (!queued) receive();
      side.say(text);
      if (queued) {
        side.settle();
        receive();
      }
      side.io.restart();
      int turns = 0;
      while (turns != most && side.io.poll_one() != 0) ++turns;
      over = turns < most;
      side.talk.reset();
      side.settle();
      CHECK(ends == 1);
    }
    CHECK(received > 0);
    CHECK(received < most);
  }
}

TEST_CASE("what came before the end is received before it, also by who asks for it just then") {
  asking side;
  side.say("one");
  side.settle();
  texts all;
  bool done = false;
  side.talk->receive([&](std::error_code, kw::message msg) { all.emplace_back(msg.text()); });
  side.talk->receive([&](std::error_code error, kw::message) {
    CHECK(error == kw::error::operation_in_progress);
    done = true;
  });
  CHECK(!side.talk->try_receive());
  side.say("two");
  side.say_close();
  side.settle();
  CHECK(done);
  CHECK(all == texts{"one"});
  asking::receiving others;
  side.receive(others);
  side.settle();
  CHECK(others.all == texts{"two"});
  CHECK(others.done);
}

TEST_CASE("destroyed by a handler of its own") {
  asking side;
  get_user const question{"ann"};
  int ends = 0;
  for (int index = 0; index < 3; ++index) {
    side.talk->request<user>(question, 1h, [&](std::error_code, kw::reply<user>) {
      ++ends;
      side.talk.reset();
    });
  }
  for (int index = 0; index < 3; ++index) side.say(answer(2 * index + 1, 1));
  side.settle();
  CHECK(ends == 3);
}

TEST_CASE("a websocket that was borrowed stays open, and can be used again") {
  test::far_end side(kw::role::client);
  {
    kw::net::websocket& ws = side.ws;
    kw::correspondent talk{ws};
    std::error_code ended;
    get_user const question{"ann"};
    talk.request<user>(question, 1h, [&](std::error_code error, kw::reply<user>) { ended = error; });
    side.settle();
    kw::correspondent moved{std::move(talk)};
    side.say("one");
    side.settle();
    CHECK(moved.try_receive().text() == "one");
    { kw::correspondent const last{std::move(moved)}; }
    side.settle();
    CHECK(ended == asio::error::operation_aborted);
  }
  CHECK(side.ws.is_open());
  std::string text;
  side.ws.receive([&](std::error_code, kw::message msg) { text = msg.text(); });
  side.say("two");
  side.settle();
  CHECK(text == "two");
}

TEST_CASE("what cannot be asked is an error of the request, and it says why") {
  asking side;
  side.heard();
  texts why;
  auto const note = [&](std::error_code error, auto const& reply) {
    CHECK(error == kw::error::invalid_argument);
    why.push_back(reply.why().code + ": " + reply.why().message);
  };
  get_user const broken{"\xFF"};
  get_user const asked{"ann"};
  side.talk->request<user>(broken, 1h, note);
  side.talk->request<user>(with_id{1}, 1h, note);
  side.talk->request<with_id>(asked, 1h, note);
  side.talk->request<std::variant<user, with_id>>(asked, 1h, note);
  side.talk->request<user>(typed{}, 1h, note);
  side.talk->request<typed>(asked, 1h, note);
  CHECK(why.empty());
  side.settle();
  CHECK(why.at(0).starts_with(R"(invalid_utf8: field "name": )"));
  why.erase(why.begin());
  CHECK(why == texts{R"(duplicate_field: duplicate field "id")",
                     R"(invalid_argument: the answer has a field of its own called "id")",
                     R"(invalid_argument: the answer has a field of its own called "id")",
                     R"(invalid_argument: the question's kind stands under "type")",
                     R"(invalid_argument: the answer's kind stands under "type")"});
  CHECK(side.heard().empty());
  CHECK(side.talk->outstanding() == 0);

  for (std::string_view const name : {"", "path", "kind", "\xFF"}) {
    asking misnamed({.id_name = name});
    asking::outcome result;
    misnamed.ask(result);
    CHECK(misnamed.heard().empty());
    CHECK(result.error == kw::error::invalid_argument);
    CHECK(!result.why.message.empty());
  }

  asking full({}, {.send_queue_soft = 10, .send_queue_hard = 20});
  full.far->writes_wait = true;
  std::vector<asking::outcome> outcomes(4);
  for (auto& each : outcomes) full.ask(each);
  full.settle();
  CHECK(!outcomes[0].done);
  CHECK(outcomes[3].error == kw::error::send_queue_full);
  full.far->let_write();
}

TEST_CASE("a request that could not be sent has nothing to do with the one after it") {
  asking side;
  asking::outcome result;
  {
    auto const failed = side.talk->request<user>(with_id{1}, 1h);
    side.ask(result);
    CHECK(side.talk->outstanding() == 1);
  }
  CHECK(side.talk->outstanding() == 1);
  side.say(answer(1, 7));
  side.settle();
  CHECK(result.age == 7);
}

TEST_CASE("names of the members can be others") {
  asking side({.id_name = "number", .key = "type"});
  std::error_code error;
  bool done = false;
  side.talk->request<typed>(typed{}, 1h, [&](std::error_code how, kw::reply<typed> reply) {
    error = how;
    done = static_cast<bool>(reply);
  });
  CHECK(side.heard() == texts{R"({"type":"TYPED","number":1})"});
  side.say(R"({"type":"TYPED","id":2,"number":1})");
  side.settle();
  CHECK(done);
  side.talk->request<typed>(typed{}, 1h, [&](std::error_code how, kw::reply<typed>) { error = how; });
  side.say(R"({"type":"ERROR","number":3,"code":"no"})");
  side.settle();
  CHECK(error == exchange_errc::refused);
}

TEST_CASE("any token will do") {
  asking side;
  get_user const question{"ann"};
  std::future<kw::reply<user>> first = side.talk->request<user>(question, 1h, asio::use_future);
  std::future<kw::reply<user>> second = side.talk->request<user>(question, 1h, asio::use_future);
  side.say(answer(1, 7));
  side.say(R"({"kind":"ERROR","id":3,"code":"no"})");
  side.settle();
  CHECK(first.get()->age == 7);
  CHECK_THROWS_AS(second.get(), std::system_error);
}

TEST_CASE("a request that is answered by something else says so") {
  asking side;
  // An answer to another question: known at once.
  kw::reply<std::variant<user>> other;
  std::error_code other_error;
  side.talk->request<std::variant<user>>(get_user{"ann"}, 1h, [&](std::error_code error, auto reply) {
    other_error = error;
    other = reply;
  });
  std::error_code error;
  kw::error_message why;
  side.talk->request<nobody>(get_user{"bob"}, 1h, [&](std::error_code code, auto const& reply) {
    error = code;
    why = reply.why();
  });
  side.say(R"({"kind":"NOBODY","id":1})");
  side.say(R"({"kind":"USER","id":3,"age":1})");
  side.settle();
  CHECK(other_error == exchange_errc::invalid_answer);
  CHECK(other.why().message == R"(expected kind "USER", found "NOBODY")");
  CHECK(error == exchange_errc::invalid_answer);
  CHECK(why.code == "wrong_kind");
  CHECK(why.path == "/kind");
  CHECK(kw::request_error(error, why).what() ==
        std::string{R"(expected kind "NOBODY", found "USER": an answer that cannot be decoded)"});
  CHECK(side.talk->outstanding() == 0);
}

TEST_CASE("a request that times out says what is known of the reason") {
  asking side;
  asking::outcome result;
  asking::outcome silent;
  side.ask(result, 20ms);
  side.ask(silent, 20ms);
  // A kind that nobody asked for: it may be a message with an id of its own.
  side.say(R"({"kind":"USR","id":1,"age":7})");
  side.io.restart();
  while (!result.done || !silent.done) side.io.run_one();
  CHECK(result.error == exchange_errc::timed_out);
  CHECK(result.why.message == R"(a message of kind "USR" has the question's id, and is not an answer to it)");
  CHECK(silent.error == exchange_errc::timed_out);
  CHECK(silent.why.message.empty());
  CHECK(kw::request_error(silent.error, silent.why).what() == std::string{"no answer in time"});
  asking::receiving others;
  side.receive(others);
  side.settle();
  CHECK(others.all == texts{R"({"kind":"USR","id":1,"age":7})"});
}

TEST_CASE("a request that times out as nobody receives says so") {
  asking side({.read_ahead = 100});
  asking::outcome result;
  side.ask(result, 20ms);
  side.say(R"({"kind":"NOTE","text":")" + std::string(200, 'x') + "\"}");
  side.say(answer(1, 7));
  side.io.restart();
  while (!result.done) side.io.run_one();
  CHECK(result.error == exchange_errc::timed_out);
  CHECK(result.why.message.ends_with(
      " bytes of other messages wait for receive(), and until some are received, nothing more is read"));
}

}  // namespace correspondent_tests
