// An open websocket over both kinds of stream, in both roles: each scenario with each fault at every point.
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "faults.hpp"
#include "talk.hpp"
#include "test_stream.hpp"

namespace failure_tests {

namespace kw = kindwire;
using namespace std::string_literals;
using kw::opcode;
using test::fault;
using test::talk;
using test::whole_frame;

namespace {

struct scenario {
  char const* name;
  void (*begin)(talk&);
  std::vector<void (*)(talk&)> steps;  // each once nothing is left to run
  std::vector<std::string> texts;      // that are received
  std::vector<whole_frame> frames;     // that are written, in this order
  bool receives;
  int closes;
  std::vector<std::string> left = {};  // that may be received after the end
};

std::string const longer(300, 'x');

void peer_closes(talk& it) { it.push_close(1000); }
void peer_ends(talk& it) { it.far->end(); }

std::vector<scenario> scenarios() {
  whole_frame const close{opcode::close, test::close_body(1000)};
  return {
      {"receive",
       [](talk& it) { it.receive(); },
       {[](talk& it) { it.push(opcode::text, "one"); },
        [](talk& it) {
          it.push(opcode::text, "tw", false);
          it.push(opcode::ping, "between");
          it.push(opcode::continuation, "o");
          it.push(opcode::binary, longer);
        },
        [](talk& it) { it.far->push(it.self() == kw::role::server ? "\x81\x85\0\0"s : "\x81\x05th"s); },
        [](talk& it) { it.far->push(it.self() == kw::role::server ? "\0\0three"s : "ree"s); }, peer_closes,
        peer_ends},
       {"one", "two", longer, "three"},
       {{opcode::pong, "between"}, close},
       true,
       0},
      {"send",
       [](talk& it) { it.send(opcode::text, "one"); },
       {[](talk& it) {
          it.send(opcode::text, longer);
          it.send(opcode::binary, "three");
        },
        [](talk& it) { it.send(opcode::text, "four"); }, peer_closes, peer_ends},
       {},
       {{opcode::text, "one"},
        {opcode::text, longer},
        {opcode::binary, "three"},
        {opcode::text, "four"},
        close},
       false,
       0},
      {"close",
       [](talk& it) { it.receive(); },
       {[](talk& it) { it.close(1000); }, [](talk& it) { it.push(opcode::text, "crossing"); }, peer_closes,
        peer_ends},
       {"crossing"},
       {close},
       true,
       1},
      {"close, and nobody receives",
       [](talk& it) { it.close(1000); },
       {[](talk& it) { it.push(opcode::text, "left"); }, peer_closes, peer_ends},
       {},
       {close},
       false,
       1,
       {"left"}},
      {"both close at once",
       [](talk& it) {
         it.receive();
         it.push_close(1000);
         it.close(1000);
       },
       {peer_ends},
       {},
       {close},
       true,
       1},
      {"ping",
       [](talk& it) {
         it.receive();
         it.send(opcode::ping, "there?");
       },
       {[](talk& it) { it.push(opcode::pong, "there?"); },
        [](talk& it) {
          it.push(opcode::ping, "and you?");
          it.push(opcode::text, "yes");
        },
        [](talk& it) { it.send(opcode::pong, "unasked"); }, peer_closes, peer_ends},
       {"yes"},
       {{opcode::ping, "there?"}, {opcode::pong, "and you?"}, {opcode::pong, "unasked"}, close},
       true,
       0},
      {"echo by callbacks, and two who wait for the close",
       [](talk& it) {
         it.on_message = [&it](kw::message const& msg) { it.send(msg.type(), msg.text()); };
         it.receive();
       },
       {[](talk& it) {
          it.push(opcode::text, "one");
          it.push(opcode::text, longer);
        },
        [](talk& it) {
          it.close(1000);
          it.close(1000);
        },
        peer_closes, peer_ends},
       {"one", longer},
       {{opcode::text, "one"}, {opcode::text, longer}, close},
       true,
       2},
      {"echo by a coroutine",
       [](talk& it) { it.run_echo(); },
       {[](talk& it) { it.push(opcode::text, "one"); },
        [](talk& it) {
          it.push(opcode::text, "two");
          it.push(opcode::text, longer);
        },
        [](talk& it) { it.push(opcode::text, "four"); }, peer_closes, peer_ends},
       {"one", "two", longer, "four"},
       {{opcode::text, "one"}, {opcode::text, "two"}, {opcode::text, longer}, {opcode::text, "four"}, close},
       true,
       0},
  };
}

template <class T>
bool is_prefix(std::vector<T> const& part, std::vector<T> const& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

// What has been written is a part of what should be; behind it there may be a Close of ours.
bool is_part(std::vector<whole_frame> written, std::vector<whole_frame> const& whole) {
  if (is_prefix(written, whole)) return true;
  if (written.empty() || written.back().first != opcode::close) return false;
  written.pop_back();
  return is_prefix(written, whole);
}

// What nobody received before the end may still be received; then every receive says the same.
void check_over(talk& it, std::vector<std::string> const& texts) {
  auto const error = it.end_error;
  int const before = it.ends;
  for (std::size_t left = texts.size() + 1; left != 0 && it.ends == before; --left) {
    it.receive();
    it.settle();
    it.run_out();
  }
  CHECK(it.ends == before + 1);
  CHECK(is_prefix(it.texts, texts));
  if (before != 0 && error) CHECK(it.end_error == error);
}

// One run. False if it was over before the fault came.
template <class Stream>
bool run(scenario const& what, kw::role self, fault which, std::size_t at) {
  CAPTURE(std::string(what.name));
  CAPTURE(std::string(name_of(which)));
  CAPTURE(at);
  CAPTURE(static_cast<int>(self));
  kw::net::connection_options options;
  options.send_queue_soft = 0;  // a send waits until its frame has left
  std::optional<talk> made(std::in_place, talk::over<Stream>{}, self, which, at, options);
  talk& it = *made;
  it.resumes_at_once = at % 2 == 0;
  what.begin(it);
  bool going = it.settle();
  for (auto const step : what.steps) {
    if (!going) break;
    step(it);
    going = it.settle();
  }
  it.run_out();
  bool const struck = it.struck();

  bool const unharmed = which == fault::none || which == fault::cancel || !struck;
  if (unharmed) {
    CHECK(it.texts == what.texts);
    CHECK(it.frames() == what.frames);
    CHECK(it.ends == (what.receives ? 1 : 0));
    CHECK(it.end_error.value_or(std::error_code{}) == std::error_code{});
    CHECK(it.closed == what.closes);
    CHECK(it.close_error.value_or(std::error_code{}) == std::error_code{});
    CHECK(it.ws->error() == std::error_code{});
    CHECK(it.far->send_was_shut_down == (self == kw::role::server));
  } else {
    CHECK(is_prefix(it.texts, what.texts));
    CHECK(is_part(it.frames(), what.frames));
    CHECK(it.ends <= 1);
    CHECK(it.closed <= what.closes);
  }
  if (which == fault::error && struck) {
    auto const error = it.ws->error();
    CHECK((!error || error == asio::error::connection_reset));
    if (what.receives) CHECK(it.ends == 1);
    if (what.receives && it.end_error) CHECK(*it.end_error == error);
    CHECK(it.closed == what.closes);
    if (it.close_error) CHECK(*it.close_error == error);  // of a close() that was in time
  }
  if (which != fault::context) {
    CHECK(it.handlers.dropped == 0);
    CHECK(it.far->closed);
    if (which != fault::destroy) check_over(it, what.left.empty() ? what.texts : what.left);
  }
  it.let_go();
  CHECK(it.handlers.completed + it.handlers.dropped == it.handlers.started);
  CHECK_MESSAGE(it.far.use_count() == 1, "the connection was left behind");
  return struck;
}

template <class Stream>
void run_all(fault which) {
  for (auto const& each : scenarios()) {
    for (kw::role const self : {kw::role::server, kw::role::client}) {
      // A turn is counted from 0: before anything has run. An operation from 1.
      std::size_t at = which == fault::error ? 1 : 0;
      while (run<Stream>(each, self, which, at) && at < 2000) ++at;
      if (which == fault::none) continue;
      CHECK(at < 2000);
      CHECK(at >= 4);
    }
  }
}

}  // namespace

TEST_CASE("failure: the scenarios without any, over a stream and over one that tells when it is readable") {
  run_all<test::stream>(fault::none);
  run_all<test::ready_stream>(fault::none);
}

TEST_CASE("failure: an error at every operation of a stream") { run_all<test::stream>(fault::error); }

TEST_CASE("failure: an error at every operation of a stream that tells when it is readable") {
  run_all<test::ready_stream>(fault::error);
}

TEST_CASE("failure: a cancellation at every point loses nothing") {
  run_all<test::stream>(fault::cancel);
  run_all<test::ready_stream>(fault::cancel);
}

TEST_CASE("failure: a websocket that is destroyed at every point") {
  run_all<test::stream>(fault::destroy);
  run_all<test::ready_stream>(fault::destroy);
}

TEST_CASE("failure: a context that goes away at every point") {
  run_all<test::stream>(fault::context);
  run_all<test::ready_stream>(fault::context);
}

}  // namespace failure_tests
