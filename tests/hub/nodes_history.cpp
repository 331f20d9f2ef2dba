// The history of a room on several nodes: turned on while people are there, and after the server has lost
// some.
#include <kindwire/hub.hpp>

#include <doctest/doctest.h>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <kindwire/hub/memory_backplane.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "sides.hpp"

namespace nodes_history_tests {

namespace kw = kindwire;
using strings = std::vector<std::string>;
using test::side;
using hub = kw::hub<std::string>;

namespace {

// What room_messages hold, with a star, and what is without an envelope; of room_entered, whether it was all.
struct listener {
  explicit listener(asio::io_context& of) : io(of), at(of.get_executor()) { test::settle(io); }
  strings heard() {
    test::settle(io);
    strings all;
    for (auto const& each : at.heard()) {
      auto const message = kw::decode<kw::room_message>(each);
      if (auto const entered = kw::decode<kw::room_entered>(each)) {
        all.push_back(entered->complete ? "all" : "not all");
        last = entered->id;
      } else if (message) {
        all.push_back('*' + message->message.text);
        last = message->id;
      } else {
        all.push_back(each);
      }
    }
    return all;
  }
  void join(hub& in, std::string const& room, kw::enter_options const& how = {}) {
    seat = in.join("somebody", *at.ws);
    REQUIRE(seat.enter(room, how));
  }

  asio::io_context& io;
  side at;
  hub::seat seat;
  std::string last;
};

// A backplane that says what the test wants.
struct said_so {
  struct plane final : kw::backplane {
    explicit plane(std::shared_ptr<std::weak_ptr<listener>> of) : heard_by(std::move(of)) {}
    void start(std::weak_ptr<listener> to) override { *heard_by = std::move(to); }
    void subscribe(std::string_view, log) override {}
    void unsubscribe(std::string_view) override {}
    std::error_code publish(std::string_view, std::span<std::byte const>, log) override { return {}; }
    void hold(std::string_view, std::string_view, std::string_view) override {}
    void release(std::string_view, std::string_view) override {}
    std::shared_ptr<std::weak_ptr<listener>> heard_by;
  };
  std::unique_ptr<kw::backplane> make(asio::any_io_executor const&) const {
    return std::make_unique<plane>(place);
  }
  std::shared_ptr<std::weak_ptr<kw::backplane::listener>> place =
      std::make_shared<std::weak_ptr<kw::backplane::listener>>();
};

struct lossy_world {
  using message = kw::backplane::message;
  static message of(std::uint64_t number, std::string_view text, bool again = false) {
    return {number, kw::detail::bus_message{.payload = std::as_bytes(std::span(text))}.bytes(), again};
  }
  void snapshot(std::string epoch, std::uint64_t last, std::vector<message> kept) {
    kw::backplane::snapshot now;
    now.epoch = std::move(epoch);
    now.last = last;
    now.kept = std::move(kept);
    bus.place->lock()->on_subscribed("room/x", now);
  }

  asio::io_context io;
  said_so bus;
  hub users{io, bus, {.rooms = {.history = 10}}};
};

}  // namespace

TEST_CASE("what the backplane has lost, and has got again with another number, is told once") {
  lossy_world w;
  listener ann(w.io), bob(w.io), cid(w.io), dan(w.io);
  ann.join(w.users, "x");
  w.snapshot("e", 2, {w.of(1, "1"), w.of(2, "2")});
  CHECK(ann.heard() == strings{"all"});
  w.snapshot("e", 2000002, {w.of(1, "1"), w.of(2000001, "2", true), w.of(2000002, "3")});
  CHECK(ann.heard() == strings{"*3"});
  // Who comes from another node may have it under its new number, and one who was here under the old one.
  bob.join(w.users, "x", {.since = "e-2000001"});
  cid.join(w.users, "x", {.since = "e-2"});
  dan.join(w.users, "x", {.since = "e-1"});
  CHECK(bob.heard() == strings{"all", "*3"});
  CHECK(cid.heard() == strings{"all", "*3"});
  CHECK(dan.heard() == strings{"all", "*2", "*3"});
}

TEST_CASE("what is left out at the end of a log is known all the same to have been seen") {
  lossy_world w;
  listener ann(w.io), bob(w.io);
  ann.join(w.users, "x");
  w.snapshot("e", 2, {w.of(1, "1"), w.of(2, "2")});
  w.snapshot("e", 2000001, {w.of(1, "1"), w.of(2000001, "2", true)});
  CHECK(ann.heard() == strings{"all"});
  bob.join(w.users, "x", {.since = "e-2000001"});
  CHECK(bob.heard() == strings{"all"});
}

TEST_CASE("what is published again in another log is told once, and is of its past") {
  lossy_world w;
  listener ann(w.io), bob(w.io);
  ann.join(w.users, "x");
  w.snapshot("e", 2, {w.of(1, "1"), w.of(2, "2")});
  w.snapshot("f", 2, {w.of(1, "2", true), w.of(2, "3")});
  CHECK(ann.heard() == strings{"all", "*3"});
  bob.join(w.users, "x", {.latest = 10});
  CHECK(bob.heard() == strings{"all", "*2", "*3"});
}

TEST_CASE(
    "a history that is turned on begins with the next message for the members, and has all of the log") {
  asio::io_context io;
  kw::memory_backplane const bus;
  hub one{io, bus}, two{io, bus};
  listener ann(io), bob(io), cid(io);
  ann.join(one, "x");
  bob.join(two, "x");
  io.restart(), io.poll();
  ann.seat.publish("x", "0");
  CHECK(ann.heard() == strings{"0"});
  CHECK(bob.heard() == strings{"0"});
  auto const room = one.room("x", {.history = 10});
  ann.seat.publish("x", "1");
  ann.seat.publish("x", "2");
  CHECK(ann.heard() == strings{"*1", "*2"});
  CHECK(bob.heard() == strings{"1", "2"});  // without a history on its node

  auto const same = two.room("x", {.history = 10});
  CHECK(bob.heard().empty());
  bob.seat.publish("x", "3");
  CHECK(ann.heard() == strings{"*3"});
  CHECK(bob.heard() == strings{"*3"});
  CHECK(ann.last == bob.last);
  cid.join(two, "x", {.latest = 10});
  CHECK(cid.heard() == strings{"all", "*1", "*2", "*3"});
  CHECK(same.missed() == 0);
}

TEST_CASE("who enters right after a history was turned on waits for what the other nodes keep of it") {
  asio::io_context io;
  kw::memory_backplane const bus;
  hub one{io, bus, {.rooms = {.history = 10}}}, two{io, bus};
  listener ann(io), bob(io), cid(io);
  ann.join(one, "x");
  bob.join(two, "x");
  io.restart(), io.poll();
  ann.seat.publish("x", "1");
  CHECK(bob.heard() == strings{"1"});
  CHECK(ann.heard() == strings{"all", "*1"});
  auto const room = two.room("x", {.history = 10});
  cid.join(two, "x", {.latest = 10});
  CHECK(cid.heard() == strings{"all", "*1"});
  CHECK(bob.heard().empty());
}

TEST_CASE("a history that is turned off and on again has what the others have kept meanwhile") {
  asio::io_context io;
  kw::memory_backplane const bus;
  hub one{io, bus, {.rooms = {.history = 10}}}, two{io, bus, {.rooms = {.history = 10}}};
  listener ann(io), bob(io), cid(io);
  ann.join(one, "x");
  bob.join(two, "x");
  io.restart(), io.poll();
  ann.seat.publish("x", "1");
  CHECK(bob.heard() == strings{"all", "*1"});
  auto room = two.room("x", kw::room_options{});
  ann.seat.publish("x", "2");
  CHECK(bob.heard() == strings{"2"});
  room = two.room("x", {.history = 10});
  ann.seat.publish("x", "3");
  CHECK(bob.heard() == strings{"*3"});
  cid.join(two, "x", {.since = bob.last, .latest = 10});
  CHECK(cid.heard() == strings{"all"});
  listener dan(io);
  dan.join(two, "x", {.latest = 10});
  CHECK(dan.heard() == strings{"all", "*1", "*2", "*3"});
}

TEST_CASE("a past that goes out in another form comes in that, from the other nodes as well") {
  asio::io_context io;
  kw::memory_backplane const bus;
  hub one{io, bus, {.rooms = {.history = 10}}}, two{io, bus, {.rooms = {.history = 10}}};
  listener ann(io), bob(io), cid(io), dan(io);
  ann.join(one, "x");
  bob.join(two, "x");
  io.restart(), io.poll();
  ann.seat.publish("x", "1");
  CHECK(bob.heard() == strings{"all", "*1"});
  auto room = two.room("x", {.history = 10, .envelope = false});
  ann.seat.publish("x", "2");
  CHECK(bob.heard() == strings{"2"});
  cid.join(two, "x", {.latest = 10});
  CHECK(cid.heard() == strings{"1", "2"});
  room = two.room("x", {.history = 10});
  ann.seat.publish("x", "3");
  CHECK(bob.heard() == strings{"*3"});
  dan.join(two, "x", {.latest = 10});
  CHECK(dan.heard() == strings{"all", "*1", "*2", "*3"});
}

TEST_CASE("a client that has seen a log which its node does not know yet gets what it has missed of it") {
  asio::io_context io;
  kw::memory_backplane const bus;
  hub one{io, bus, {.rooms = {.history = 10}}}, two{io, bus, {.rooms = {.history = 10}}};
  listener ann(io), bob(io), cid(io);
  ann.join(one, "x");
  bob.join(two, "x");
  io.restart(), io.poll();
  ann.seat.publish("x", "1");
  CHECK(bob.heard() == strings{"all", "*1"});
  bus.cut(1);
  bus.forget();
  ann.heard();
  ann.seat.publish("x", "2");
  CHECK(ann.heard() == strings{"*2"});
  cid.join(two, "x", {.since = ann.last});
  CHECK(cid.heard().empty());
  ann.seat.publish("x", "3");
  bus.mend(1);
  CHECK(cid.heard() == strings{"all", "*3"});
  CHECK(bob.heard() == strings{"*2", "*3"});
}

TEST_CASE("what is no id of this room is too late, whatever it is") {
  asio::io_context io;
  kw::memory_backplane const bus;
  hub users{io, bus, {.rooms = {.history = 10}}};
  listener ann(io);
  ann.join(users, "x");
  io.restart(), io.poll();
  ann.seat.publish("x", "1");
  ann.heard();
  std::string const epoch = ann.last.substr(0, ann.last.find('-'));
  for (std::string const& id :
       {std::string("-"), std::string("-1"), "-" + epoch, epoch, epoch + '-', epoch + "--1", epoch + "-1 ",
        epoch + "-18446744073709551615", epoch + "-18446744073709551616", std::string(16, '0') + "-1",
        std::string(100000, 'x'), std::string("\0-1", 3), epoch + "1-1"}) {
    CAPTURE(id.substr(0, 100));
    listener bob(io);
    bob.join(users, "x", {.since = id});
    CHECK(bob.heard() == strings{"not all", "*1"});
  }
}

}  // namespace nodes_history_tests
