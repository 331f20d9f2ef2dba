#include <kindwire/net/connection/activity.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string_view>

#include "../../support/bytes.hpp"
#include "../../support/end.hpp"

namespace {

namespace kw = kindwire;
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
    CHECK(place.seen().protocol.is_open());
    CHECK(place.seen().protocol.self() == self);
    CHECK(place.is_at_rest());

    feed(place.now().protocol, frame(peer_of(self), opcode::text, text("hello")));
    CHECK(!place.is_at_rest());
    place.rest();
    CHECK(!place.is_at_rest());
    kw::message const msg = place.now().protocol.poll();
    place.rest();
    CHECK(msg.text() == "hello");
    CHECK(!place.is_at_rest());
    CHECK(!place.now().protocol.poll());
    place.rest();
    CHECK(place.is_at_rest());
    CHECK(place.seen().protocol.is_open());
  }
}

TEST_CASE("activity: nothing is given back while a message is ready, or a write is under way or has failed") {
  activity_place place(role::server, std::make_shared<connection_options const>());
  place.now().ready = {opcode::text, {}};
  place.rest();
  CHECK(!place.is_at_rest());
  place.now().ready = {};
  place.now().in_flight.append(text("out"));
  place.rest();
  CHECK(!place.is_at_rest());
  place.now().in_flight.release();
  place.now().write_failed = std::make_error_code(std::errc::broken_pipe);
  place.rest();
  CHECK(!place.is_at_rest());
  place.now().write_failed = {};
  place.rest();
  CHECK(place.is_at_rest());
}

TEST_CASE("activity: its options are those of each session that it makes") {
  auto options = std::make_shared<connection_options>();
  options->max_message_size = 3;
  activity_place place(role::server, options);
  for (std::string_view const said : {"abc", "abcd"}) {
    feed(place.now().protocol, frame(role::client, opcode::text, text(said)));
    CHECK(static_cast<bool>(place.now().protocol.poll()) == (said.size() == 3));
    place.now().protocol.poll();
    place.rest();
  }
  CHECK(place.seen().protocol.error() == kw::error::message_too_large);
}

TEST_CASE("activity: the end of the stream needs none, and is not forgotten by one that comes later") {
  for (role const self : {role::server, role::client}) {
    activity_place place(self, std::make_shared<connection_options const>());
    place.end_of_input();
    CHECK(place.is_at_rest());
    CHECK(place.seen().protocol.state() == kw::session_state::closed);
    CHECK(place.seen().protocol.error() == kw::error::connection_lost);
    CHECK(place.now().protocol.state() == kw::session_state::closed);
    CHECK(place.now().protocol.error() == kw::error::connection_lost);
    place.rest();
    CHECK(!place.is_at_rest());
  }
}
