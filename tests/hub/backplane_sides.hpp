// The listener of a node of a backplane, which keeps what it is told, and how a test waits for that.
#pragma once

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <kindwire/hub/backplane.hpp>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace test {

using strings = std::vector<std::string>;
using kept_log = kindwire::backplane::log;

inline constexpr kept_log no_log{};
inline constexpr kept_log ten_messages{10, std::chrono::minutes(5)};
inline constexpr kept_log many_messages{100000, std::chrono::minutes(5)};

// What a hub would make of what it is told about a topic.
struct heard_topic {
  strings texts;                              // of messages, each once
  std::map<std::string, std::string> people;  // "node/name" → value
  std::string epoch;
  std::uint64_t last = 0;
  std::uint64_t forgotten = 0;
  std::size_t snapshots = 0;
  std::size_t messages = 0;  // told as such
  strings mistakes;          // told against the contract
};

class heard final : public kindwire::backplane::listener {
 public:
  std::map<std::string, heard_topic, std::less<>> topics;
  strings events;  // held, released, lost
  std::size_t connections = 0;
  std::error_code connection = std::make_error_code(std::errc::not_connected);
  std::function<void()> on_each = [] {};

  heard_topic& operator[](std::string_view name) { return topics[std::string(name)]; }

  void on_subscribed(std::string_view name, kindwire::backplane::snapshot const& now) noexcept override {
    auto& topic = topics[std::string(name)];
    bool const is_new = topic.epoch != now.epoch;
    ++topic.snapshots;
    if (is_new) topic.last = 0;
    if (now.last < topic.last) topic.mistakes.push_back("numbers of an epoch go back");
    std::uint64_t before = 0;
    for (auto const& each : now.kept) {
      if (each.number <= before || each.number > now.last) topic.mistakes.push_back("a log in disorder");
      before = each.number;
      if (each.number > topic.last && !each.again) topic.texts.push_back(each.bytes);
    }
    topic.epoch = now.epoch;
    topic.last = now.last;
    topic.forgotten = now.forgotten;
    topic.people.clear();
    for (auto const& each : now.records) topic.people[each.node + '/' + each.name] = each.value;
    on_each();
  }
  void on_message(std::string_view name, std::uint64_t number,
                  std::span<std::byte const> bytes) noexcept override {
    auto& topic = topics[std::string(name)];
    if (topic.snapshots == 0) topic.mistakes.push_back("a message before on_subscribed()");
    if (number != 0 && number <= topic.last) topic.mistakes.push_back("a message twice");
    if (number != 0) topic.last = number;
    ++topic.messages;
    topic.texts.emplace_back(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    on_each();
  }
  void on_held(std::string_view name, kindwire::backplane::record const& what) noexcept override {
    topics[std::string(name)].people[what.node + '/' + what.name] = what.value;
    events.push_back("held " + std::string(name) + ' ' + what.name + '=' + what.value);
    on_each();
  }
  void on_released(std::string_view name, kindwire::backplane::record const& what) noexcept override {
    auto& topic = topics[std::string(name)];
    if (topic.people.erase(what.node + '/' + what.name) == 0)
      topic.mistakes.push_back("released what is not held");
    events.push_back("released " + std::string(name) + ' ' + what.name);
    on_each();
  }
  void on_node_lost(std::string_view node) noexcept override {
    for (auto& [name, topic] : topics) {
      std::erase_if(topic.people,
                    [&](auto const& each) { return each.first.starts_with(std::string(node) + '/'); });
    }
    events.push_back("lost");
    on_each();
  }
  void on_connection(std::error_code why_not) noexcept override {
    if (!why_not) ++connections;
    connection = why_not;
    on_each();
  }

  strings mistakes() const {
    strings all;
    for (auto const& [name, topic] : topics)
      all.insert(all.end(), topic.mistakes.begin(), topic.mistakes.end());
    return all;
  }
};

// A node and its listener.
struct plane_side {
  template <class World>
  explicit plane_side(World& world) : plane(world.make()) {
    plane->start(ears);
  }
  std::error_code say(std::string_view topic, std::string_view text, kept_log keep = no_log) {
    return plane->publish(topic, std::as_bytes(std::span(text)), keep);
  }
  heard_topic& operator[](std::string_view name) { return (*ears)[name]; }

  std::shared_ptr<heard> ears = std::make_shared<heard>();
  std::unique_ptr<kindwire::backplane> plane;
};

// True as soon as it is so.
template <class World, class Condition>
bool await(World& world, Condition condition) {
  auto const end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    world.io.restart();
    world.io.run_for(std::chrono::milliseconds(5));
  }
  return true;
}

template <class World>
void subscribe(World& world, plane_side& node, std::string_view topic, kept_log keep = no_log) {
  std::size_t const before = node[topic].snapshots;
  node.plane->subscribe(topic, keep);
  REQUIRE(await(world, [&] { return node[topic].snapshots > before; }));
}

// What is under way has come when a message that is sent after it has.
template <class World>
void settle(World& world, plane_side& from, plane_side& to) {
  static int count = 0;
  std::string const mark = "mark " + std::to_string(++count);
  if (!to.ears->topics.contains("marks")) subscribe(world, to, "marks");
  REQUIRE_FALSE(from.say("marks", mark));
  REQUIRE(await(world, [&] { return !to["marks"].texts.empty() && to["marks"].texts.back() == mark; }));
}

inline strings numbered(std::string const& prefix, std::size_t from, std::size_t to) {
  strings all;
  for (std::size_t i = from; i <= to; ++i) all.push_back(prefix + std::to_string(i));
  return all;
}

}  // namespace test
