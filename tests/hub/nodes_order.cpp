// Hubs joined by a backplane, at random: clients that move between nodes, and nodes that are cut off, hear
// all that is said in a room with history, once and in one order.
#include <kindwire/hub.hpp>

#include <doctest/doctest.h>

#include <array>
#include <asio/io_context.hpp>
#include <cstddef>
#include <kindwire/hub/memory_backplane.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/json/writer.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sides.hpp"

namespace nodes_order_tests {

namespace kw = kindwire;
using test::side;
using hub = kw::hub<std::string>;

namespace {

// One who goes on with the last id wherever he is connected.
struct client {
  std::string name;
  std::optional<side> at = {};
  hub::seat seat = {};
  std::string last = {};
  std::vector<std::string> heard = {};
  bool missed = false;

  void hear() {
    if (!at) return;
    for (auto const& each : at->heard()) {
      if (auto const entered = kw::decode<kw::room_entered>(each)) {
        missed |= !entered->complete;
        if (last.empty()) last = entered->id;
      } else if (auto const message = kw::decode<kw::room_message>(each)) {
        heard.push_back(message->message.text);
        last = message->id;
      } else {
        FAIL("neither: " << each);
      }
    }
  }
};

struct world {
  explicit world(unsigned seed) : random(seed) {
    kw::hub_options options;
    options.rooms.history = 100000;
    options.rooms.slow = kw::slow_reader::drop_newest;
    for (auto& each : nodes) each.emplace(io, bus, options);
    for (std::size_t i = 0; i != 5; ++i) clients.push_back({.name = "c" + std::to_string(i)});
  }

  std::size_t any(std::size_t below) { return random() % below; }

  void connect(client& who) {
    if (who.at) {
      who.hear();
      who.seat.leave();
    }
    who.at.emplace(io.get_executor());
    test::settle(io);  // of a handshake alone, and of whatever else is under way
    who.seat = nodes[any(nodes.size())]->join(who.name, *who.at->ws);
    REQUIRE(who.seat);
    CHECK(who.seat.enter("x", {.since = who.last}));
  }

  void step() {
    client& who = clients[any(clients.size())];
    switch (any(12)) {
      case 0: return connect(who);
      case 1: return bus.cut(any(nodes.size()));
      case 2:
      case 3: return bus.mend(any(nodes.size()));
      case 4: return test::settle(io);
      case 5: return who.hear();
      case 6: io.poll_one(); return;
      case 7:
        if (who.seat && any(4) == 0) who.seat.leave("x");
        return;
      default:
        if (who.seat) who.seat.publish("x", std::to_string(++said));
    }
  }

  asio::io_context io;
  kw::memory_backplane bus;
  std::array<std::optional<hub>, 3> nodes;
  std::vector<client> clients;
  std::mt19937 random;
  std::size_t said = 0;
};

}  // namespace

TEST_CASE("clients that move between nodes hear all, once and in one order") {
  for (unsigned seed = 1; seed != 60; ++seed) {
    CAPTURE(seed);
    world w(seed);
    for (auto& each : w.clients) w.connect(each);
    test::settle(w.io);
    for (unsigned i = 0; i != 400; ++i) w.step();
    for (std::size_t i = 0; i != w.nodes.size(); ++i) w.bus.mend(i);
    test::settle(w.io);
    for (auto& each : w.clients) w.connect(each);
    test::settle(w.io);
    for (auto& each : w.clients) each.hear();
    auto const& first = w.clients.front().heard;
    for (auto const& each : w.clients) {
      CHECK_FALSE(each.missed);
      CHECK(each.heard == first);
    }
    CHECK(first.size() > 50);
  }
}

}  // namespace nodes_order_tests
