#include <kindwire/net/connection/roster.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace roster_tests {

namespace kw = kindwire;
using kw::net::detail::roster;
using kw::net::detail::roster_member;
using kw::net::detail::roster_watcher;
constexpr auto going_away = kw::close_code::going_away;

namespace {

struct member final : roster_member {
  int stops = 0;
  int cuts = 0;
  kw::close_code code{};
  std::function<void()> on_stop;
  void stop(kw::close_code with) override {
    ++stops;
    code = with;
    if (on_stop) on_stop();
  }
  void stop_now() override { ++cuts; }
  using roster_member::leave;
};

std::vector<std::shared_ptr<member>> enrolled(roster& all, int count) {
  std::vector<std::shared_ptr<member>> result;
  for (int i = 0; i != count; ++i) all.enrol(result.emplace_back(std::make_shared<member>()));
  return result;
}

struct watcher final : roster_watcher {
  int calls = 0;
  bool was_cut = false;
  void on_empty(bool cut) noexcept override {
    ++calls;
    was_cut = cut;
  }
};

}  // namespace

TEST_CASE("roster: everybody who is there is stopped once") {
  auto const all = std::make_shared<roster>();
  auto const members = enrolled(*all, 3);
  for (auto const& each : members) CHECK(each->stops == 0);
  all->stop(going_away);
  for (auto const& each : members) CHECK(each->stops == 1);
}

TEST_CASE("roster: what is kept for a member goes with it, before anybody learns that nothing is left") {
  struct keeper {
    std::shared_ptr<roster> all;
    bool& gone;
    keeper(std::shared_ptr<roster> of, bool& flag) : all(std::move(of)), gone(flag) {}
    ~keeper() { gone = true; }
  };
  struct last_look final : roster_watcher {
    bool& gone;
    bool was_gone = false;
    explicit last_look(bool& flag) : gone(flag) {}
    void on_empty(bool) noexcept override { was_gone = gone; }
  };
  for (bool const by_leaving : {true, false}) {
    bool gone = false;
    auto all = std::make_shared<roster>();
    auto const watching = std::make_shared<last_look>(gone);
    all->watch(watching);
    auto one = std::make_shared<member>();
    all->enrol(one, std::make_shared<keeper>(all, gone));
    all.reset();  // what is kept keeps it
    CHECK_FALSE(gone);
    if (by_leaving) one->leave();
    one.reset();
    CHECK(gone);
    CHECK(watching->was_gone);
  }
}

TEST_CASE("roster: who is destroyed has left, wherever it stood") {
  for (std::size_t gone = 0; gone != 3; ++gone) {
    auto const all = std::make_shared<roster>();
    auto members = enrolled(*all, 3);
    members[gone].reset();
    auto const late = enrolled(*all, 1);
    all->stop(going_away);
    for (auto const& each : members) CHECK((!each || each->stops == 1));
    CHECK(late[0]->stops == 1);
  }
}

TEST_CASE("roster: who comes after the stop is stopped at once, until it is open again") {
  auto const all = std::make_shared<roster>();
  all->stop(going_away);
  auto const late = enrolled(*all, 2);
  for (auto const& each : late) CHECK(each->stops == 1);
  all->open();
  auto const welcome = enrolled(*all, 1);
  CHECK(welcome[0]->stops == 0);
  all->stop(going_away);
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
  all->stop(going_away);
  CHECK(stops == 3);
  CHECK(members.empty());
  REQUIRE(fresh.size() == 3);
  for (auto const& each : fresh) CHECK(each->stops == 1);
  all->stop(going_away);
  CHECK(stops == 3);
}

TEST_CASE("roster: the first code of a stop is everybody's, also of those who come later") {
  auto const all = std::make_shared<roster>();
  auto const members = enrolled(*all, 2);
  all->stop(kw::close_code::service_restart);
  all->stop(going_away);
  auto const late = enrolled(*all, 1);
  for (auto const& each : {members[0], members[1], late[0]}) {
    CHECK(each->code == kw::close_code::service_restart);
  }
  all->open();
  all->stop(going_away);
  CHECK(late[0]->code == going_away);
}

TEST_CASE("roster: a stop that an opening has overtaken is for those who are there, not for those who come") {
  auto const all = std::make_shared<roster>();
  auto const members = enrolled(*all, 2);
  unsigned const before = all->openings();
  all->open();
  all->stop(going_away, before);
  for (auto const& each : members) CHECK(each->stops == 1);
  CHECK(enrolled(*all, 1)[0]->stops == 0);
  all->stop(going_away, all->openings());
  CHECK(enrolled(*all, 1)[0]->stops == 1);
}

TEST_CASE("roster: watchers are told once, when the last has left, been destroyed or returned") {
  auto const all = std::make_shared<roster>();
  auto members = enrolled(*all, 3);
  all->begin_handler();
  auto const one = std::make_shared<watcher>();
  auto const two = std::make_shared<watcher>();
  all->watch(one);
  all->watch(two);
  all->watch(std::make_shared<watcher>());  // which is gone
  members[1]->leave();
  members[1]->leave();
  members.clear();
  CHECK(one->calls == 0);
  CHECK_FALSE(all->empty());
  all->end_handler();
  CHECK(all->empty());
  CHECK(one->calls == 1);
  CHECK(two->calls == 1);
  CHECK_FALSE(one->was_cut);
  enrolled(*all, 1);
  CHECK(one->calls == 1);
}

TEST_CASE("roster: what is left is cut, and that is told") {
  auto const all = std::make_shared<roster>();
  CHECK_FALSE(all->cut());
  auto members = enrolled(*all, 2);
  members[0]->leave();
  auto const watch = std::make_shared<watcher>();
  all->watch(watch);
  CHECK(all->cut());
  CHECK(members[0]->cuts == 0);
  CHECK(members[1]->cuts == 1);
  members.clear();
  CHECK(watch->calls == 1);
  CHECK(watch->was_cut);

  all->begin_handler();
  CHECK(all->cut());
  all->end_handler();
  all->open();
  all->watch(watch);
  enrolled(*all, 1);
  CHECK(watch->calls == 2);
  CHECK_FALSE(watch->was_cut);
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
    all->stop(going_away);
    for (auto& each : threads) each.join();
  }
  int missed = 0;
  for (auto const& own : kept) {
    for (auto const& each : own) missed += each->stops == 0 ? 1 : 0;
  }
  CHECK(missed == 0);
}

}  // namespace roster_tests
