#include <kindwire/net/connection/roster.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace kw = kindwire;
using kw::net::detail::roster;
using kw::net::detail::roster_member;

namespace {

struct member final : roster_member {
  int stops = 0;
  std::function<void()> on_stop;
  void stop() override {
    ++stops;
    if (on_stop) on_stop();
  }
};

std::vector<std::shared_ptr<member>> enrolled(roster& all, int count) {
  std::vector<std::shared_ptr<member>> result;
  for (int i = 0; i != count; ++i) all.enrol(result.emplace_back(std::make_shared<member>()));
  return result;
}

}  // namespace

TEST_CASE("roster: everybody who is there is stopped once") {
  auto const all = std::make_shared<roster>();
  auto const members = enrolled(*all, 3);
  for (auto const& each : members) CHECK(each->stops == 0);
  all->stop();
  for (auto const& each : members) CHECK(each->stops == 1);
}

TEST_CASE("roster: who is destroyed has left, wherever it stood") {
  for (std::size_t gone = 0; gone != 3; ++gone) {
    auto const all = std::make_shared<roster>();
    auto members = enrolled(*all, 3);
    members[gone].reset();
    auto const late = enrolled(*all, 1);
    all->stop();
    for (auto const& each : members) CHECK((!each || each->stops == 1));
    CHECK(late[0]->stops == 1);
  }
}

TEST_CASE("roster: who comes after the stop is stopped at once, until it is open again") {
  auto const all = std::make_shared<roster>();
  all->stop();
  auto const late = enrolled(*all, 2);
  for (auto const& each : late) CHECK(each->stops == 1);
  all->open();
  auto const welcome = enrolled(*all, 1);
  CHECK(welcome[0]->stops == 0);
  all->stop();
  CHECK(welcome[0]->stops == 1);
}

TEST_CASE("roster: a stop may destroy members, itself among them, and enrol others") {
  auto const all = std::make_shared<roster>();
  auto members = enrolled(*all, 3);
  std::vector<std::shared_ptr<member>> fresh;
  int stops = 0;
  for (auto& each : members) {
    each->on_stop = [&] {
      ++stops;
      fresh.push_back(enrolled(*all, 1)[0]);
      members.clear();
    };
  }
  all->stop();
  CHECK(stops == 3);
  CHECK(members.empty());
  REQUIRE(fresh.size() == 3);
  for (auto const& each : fresh) CHECK(each->stops == 1);
  all->stop();
  CHECK(stops == 3);
}

TEST_CASE("roster: lives as long as its members") {
  auto all = std::make_shared<roster>();
  std::weak_ptr<roster> const watch = all;
  auto members = enrolled(*all, 2);
  all.reset();
  CHECK(!watch.expired());
  members.clear();
  CHECK(watch.expired());
}

TEST_CASE("roster: threads come and go while another stops: nobody is missed") {
  auto const all = std::make_shared<roster>();
  std::vector<std::vector<std::shared_ptr<member>>> kept(3);
  {
    std::vector<std::thread> threads;
    for (auto& own : kept) {
      threads.emplace_back([&] {
        for (int i = 0; i != 500; ++i) {
          auto const gone = enrolled(*all, 1);
          auto fresh = enrolled(*all, 1);
          own.push_back(std::move(fresh[0]));
        }
      });
    }
    all->stop();
    for (auto& each : threads) each.join();
  }
  int missed = 0;
  for (auto const& own : kept) {
    for (auto const& each : own) missed += each->stops == 0 ? 1 : 0;
  }
  CHECK(missed == 0);
}
