// A correspondent whose peer is the test, and what it asks.
#pragma once

#include <chrono>
#include <kindwire/exchange/correspondent.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <doctest/doctest.h>

#include "far_end.hpp"

namespace test {

struct get_user {
  std::string name;
  static constexpr auto schema = kindwire::kind("GET_USER", kindwire::field("name", &get_user::name));
};
struct user {
  int age;
  static constexpr auto schema = kindwire::kind("USER", kindwire::field("age", &user::age));
};

struct asking : far_end {
  explicit asking(kindwire::correspondent_options const& with = {},
                  kindwire::net::connection_options const& options = {})
      : far_end(kindwire::role::client, options), talk(std::in_place, std::move(ws), with) {
    settle();
  }

  struct outcome {
    bool done = false;
    std::error_code error;
    int age = 0;
    kindwire::error_message why;
  };

  void ask(outcome& to) { ask(to, std::chrono::hours(1)); }
  template <class Timeout>
  void ask(outcome& to, Timeout timeout) {
    get_user const question{"ann"};
    talk->request<user>(question, timeout, [&to](std::error_code error, kindwire::reply<user> reply) {
      CHECK(!to.done);
      to.done = true;
      to.error = error;
      to.why = reply.why();
      if (reply) to.age = reply->age;
    });
  }

  // All that receive() gives, and how it ended.
  struct receiving {
    texts all;
    bool done = false;
    std::error_code error;
  };
  void receive(receiving& to) {
    talk->receive([this, &to](std::error_code error, kindwire::message msg) {
      if (error || !msg) {
        to.done = true;
        to.error = error;
        return;
      }
      to.all.emplace_back(msg.text());
      receive(to);
    });
  }

  std::optional<kindwire::correspondent> talk;
};

inline std::string answer(int id, int age) {
  return R"({"kind":"USER","id":)" + std::to_string(id) + R"(,"age":)" + std::to_string(age) + '}';
}

}  // namespace test
