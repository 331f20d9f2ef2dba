#include <kindwire/net/connection/activity.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "../../support/bytes.hpp"
#include "../../support/end.hpp"
#include "../../support/toy_extension.hpp"

namespace activity_tests {

namespace {

namespace kw = kindwire;
using namespace std::chrono_literals;
using namespace support;
using kw::opcode;
using kw::role;
using kw::net::connection_options;
using kw::net::detail::activity_place;

}  // namespace

TEST_CASE("activity: there while something goes on, and as if it were there in between") {
  for (role const self : {role::server, role::client}) {
    activity_place place(self, std::make_shared<connection_options const>());
    CHECK(place.is_at_rest());
    CHECK(place.peek().protocol.is_open());
    CHECK(place.peek().protocol.self() == self);
    CHECK(place.is_at_rest());

    feed(place.acquire().protocol, frame(peer_of(self), opcode::text, text("hello")));
    CHECK(!place.is_at_rest());
    place.release_if_idle();
    CHECK(!place.is_at_rest());
    kw::message const msg = place.acquire().protocol.poll();
    place.release_if_idle();
    CHECK(msg.text() == "hello");
    CHECK(!place.is_at_rest());
    CHECK(!place.acquire().protocol.poll());
    place.release_if_idle();
    CHECK(place.is_at_rest());
    CHECK(place.peek().protocol.is_open());
  }
}

TEST_CASE("activity: nothing is given back while a message is ready, or a write is under way or has failed") {
  activity_place place(role::server, std::make_shared<connection_options const>());
  place.acquire().ready = {opcode::text, {}};
  place.release_if_idle();
  CHECK(!place.is_at_rest());
  place.acquire().ready = {};
  place.acquire().in_flight.append(text("out"));
  place.release_if_idle();
  CHECK(!place.is_at_rest());
  place.acquire().in_flight.release();
  place.acquire().write_failed = std::make_error_code(std::errc::broken_pipe);
  place.release_if_idle();
  CHECK(!place.is_at_rest());
  place.acquire().write_failed = {};
  place.release_if_idle();
  CHECK(place.is_at_rest());
}

TEST_CASE("activity: an extension rests every 20 s, however often it is asked to") {
  using clock = activity_place::clock;
  activity_place place(role::server, std::make_shared<connection_options const>());
  clock::time_point const begin = clock::now();
  CHECK(place.let_extension_rest(begin) == (clock::time_point::max)());

  auto owned = std::make_unique<toy_extension>();
  toy_extension const& toy = *owned;
  place.set_extension(std::move(owned));
  for (int round = 0; round != 3; ++round) {
    auto const at = begin + round * 20s;
    for (auto const later : {0s, 1s, 19s}) {
      CHECK(place.let_extension_rest(at + later) == at + 20s);
      CHECK(toy.rests == round + 1);
    }
  }
  CHECK(place.let_extension_rest(begin + 100s) == begin + 120s);  // late
  CHECK(toy.rests == 4);
}

TEST_CASE("activity: its options are those of each session that it makes") {
  auto options = std::make_shared<connection_options>();
  options->max_message_size = 3;
  activity_place place(role::server, options);
  for (std::string_view const said : {"abc", "abcd"}) {
    feed(place.acquire().protocol, frame(role::client, opcode::text, text(said)));
    CHECK(static_cast<bool>(place.acquire().protocol.poll()) == (said.size() == 3));
    place.acquire().protocol.poll();
    place.release_if_idle();
  }
  CHECK(place.peek().protocol.error() == kw::error::message_too_large);
}

TEST_CASE("activity: one at rest serves whoever comes next with the same options, and nobody else") {
  auto const of_size = [](std::size_t size) {
    auto options = std::make_shared<connection_options>();
    options->max_message_size = size;
    return options;
  };
  auto const takes = [](activity_place& place, std::size_t size) {
    role const self = place.peek().protocol.self();
    feed(place.acquire().protocol, frame(peer_of(self), opcode::binary, bytes(size)));
    bool const taken = static_cast<bool>(place.acquire().protocol.poll());
    place.acquire().protocol.poll();
    place.release_if_idle();
    return taken;
  };
  for (std::size_t round = 0; round != 50; ++round) {
    CAPTURE(round);
    // New ones often lie where those of the last round did.
    auto const few = of_size(10 + round);
    auto const many = of_size(100 + round);
    for (role const self : {role::server, role::client}) {
      activity_place one(self, few);
      activity_place another(self, few);
      CHECK(takes(one, 10 + round));
      CHECK(takes(another, 10 + round));
      activity_place larger(self, many);
      CHECK(takes(larger, 100 + round));
      CHECK(takes(larger, 100 + round));
      CHECK(takes(another, 10 + round));
      activity_place extended(self, few);
      auto toy = std::make_unique<toy_extension>();
      extended.set_extension(std::move(toy));
      CHECK(takes(extended, 10 + round));
      CHECK(extended.is_at_rest());
      CHECK_FALSE(takes(larger, 101 + round));
      CHECK_FALSE(takes(another, 11 + round));
      CHECK(takes(one, 10 + round));
    }
  }
}

TEST_CASE("activity: options of one owner are not the same for that") {
  // As the routes of a server have them.
  struct both {
    connection_options few;
    connection_options many;
  };
  auto const owner = std::make_shared<both>();
  owner->few.max_message_size = 10;
  owner->many.max_message_size = 100;
  std::shared_ptr<connection_options const> const few{owner, &owner->few};
  std::shared_ptr<connection_options const> const many{owner, &owner->many};
  for (auto const& [options, size] : {std::pair{many, 100U}, {few, 10U}, {many, 100U}, {few, 10U}}) {
    for (std::size_t const beyond : {0U, 1U, 0U}) {
      activity_place place(role::server, options);
      feed(place.acquire().protocol, frame(role::client, opcode::binary, bytes(size + beyond)));
      CHECK(static_cast<bool>(place.acquire().protocol.poll()) == (beyond == 0));
      place.acquire().protocol.poll();
      place.release_if_idle();
    }
  }
}

TEST_CASE("activity: more of them at rest than a thread keeps") {
  auto const options = std::make_shared<connection_options const>();
  std::vector<std::unique_ptr<activity_place>> all;
  for (int count = 0; count != 100; ++count) {
    all.push_back(std::make_unique<activity_place>(role::server, options));
    all.back()->acquire();
  }
  for (int round = 0; round != 2; ++round) {
    for (auto& each : all) {
      each->release_if_idle();
      CHECK(each->is_at_rest());
    }
    for (auto& each : all) CHECK(each->acquire().is_at_rest());
  }
}

TEST_CASE("activity: the end of the stream needs none, and is not forgotten by one that comes later") {
  for (role const self : {role::server, role::client}) {
    activity_place place(self, std::make_shared<connection_options const>());
    place.end_of_input();
    CHECK(place.is_at_rest());
    CHECK(place.peek().protocol.state() == kw::session_state::closed);
    CHECK(place.peek().protocol.error() == kw::error::connection_lost);
    CHECK(place.acquire().protocol.state() == kw::session_state::closed);
    CHECK(place.acquire().protocol.error() == kw::error::connection_lost);
    place.release_if_idle();
    CHECK(!place.is_at_rest());
  }
}

}  // namespace activity_tests
