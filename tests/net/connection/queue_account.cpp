#include <kindwire/net/connection/queue_account.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <kindwire/message/close.hpp>
#include <kindwire/net/connection/roster.hpp>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace queue_account_tests {

namespace kw = kindwire;
using kw::net::detail::queue_account;
using kw::net::detail::queue_charge;
using kw::net::detail::roster_member;

namespace {

constexpr std::size_t KiB = 1024;

// A connection as the account sees it.
struct sender final : roster_member {
  void stop(kw::close_code) override {}
  void stop_now() override {}

  std::string told;  // l: to leave, c: it is cut
  bool out_of_memory = false;
  std::optional<queue_charge> charge;

  void has(std::size_t size) { charge->set(size, size); }
};

struct crowd {
  explicit crowd(std::size_t limit) : account(std::make_shared<queue_account>(limit)) {}

  sender& add() {
    auto const one = std::make_shared<sender>();
    one->charge.emplace(account, one, [](std::shared_ptr<roster_member> const& owner, bool at_once) {
      auto& self = static_cast<sender&>(*owner);
      if (self.out_of_memory) throw std::bad_alloc();
      self.told += at_once ? 'c' : 'l';
    });
    all.push_back(one);
    return *one;
  }

  std::shared_ptr<queue_account> account;
  std::vector<std::shared_ptr<sender>> all;
};

}  // namespace

TEST_CASE("queue account: above the limit the longest leaves, and only that") {
  crowd all(1000 * KiB);
  sender& one = all.add();
  sender& two = all.add();
  sender& three = all.add();
  one.has(400 * KiB);
  two.has(500 * KiB);
  three.has(100 * KiB);
  CHECK(all.account->size() == 1000 * KiB);
  CHECK((one.told + two.told + three.told).empty());
  one.has(440 * KiB);
  CHECK(two.told == "l");
  CHECK(all.account->closed() == 1);
  // Its queue still takes memory, but is no reason for others to leave.
  CHECK(all.account->size() == 1040 * KiB);
  three.has(150 * KiB);
  two.charge->clear();
  CHECK(all.account->size() == 590 * KiB);
  CHECK((one.told + three.told).empty());
  CHECK(two.told == "l");
}

TEST_CASE("queue account: those that do not leave fast enough are cut, a quarter above the limit") {
  crowd all(1000 * KiB);
  sender& one = all.add();
  sender& two = all.add();
  sender& three = all.add();
  one.has(600 * KiB);
  two.has(500 * KiB);
  CHECK(one.told == "l");
  three.has(150 * KiB);
  CHECK(one.told == "l");
  three.has(151 * KiB);
  CHECK(one.told == "lc");
  CHECK((two.told + three.told).empty());
  CHECK(all.account->closed() == 1);
  // It counts until its memory is free, but is cut once.
  CHECK(all.account->size() == 1251 * KiB);
  three.has(500 * KiB);
  one.charge->clear();
  CHECK(one.told == "lc");
  CHECK((two.told + three.told).empty());
  CHECK(all.account->size() == 1000 * KiB);
}

TEST_CASE("queue account: one that is far above by itself leaves and is cut") {
  crowd all(100 * KiB);
  sender& one = all.add();
  one.has(200 * KiB);
  CHECK(one.told == "lc");
  one.charge.reset();
  CHECK(all.account->size() == 0);
}

TEST_CASE("queue account: it is asked only when a queue has become long, or much longer or shorter") {
  crowd all(1000 * KiB);
  sender& one = all.add();
  CHECK_FALSE(one.charge->is_due(0));
  CHECK_FALSE(one.charge->is_due(64 * KiB - 1));
  CHECK(one.charge->is_due(64 * KiB));
  one.has(64 * KiB);
  CHECK(one.charge->counts());
  CHECK_FALSE(one.charge->is_due(64 * KiB));
  CHECK_FALSE(one.charge->is_due(96 * KiB - 1));
  CHECK(one.charge->is_due(96 * KiB));
  one.has(200 * KiB);
  CHECK_FALSE(one.charge->is_due(168 * KiB + 1));
  CHECK(one.charge->is_due(168 * KiB));
  one.has(64 * KiB);
  CHECK_FALSE(one.charge->is_due(40 * KiB));
  CHECK(one.charge->is_due(31 * KiB));
  one.has(31 * KiB);
  CHECK_FALSE(one.charge->counts());
  CHECK(all.account->size() == 0);
}

TEST_CASE("queue account: what a connection is charged with need not be what it has queued") {
  crowd all(1000 * KiB);
  for (int i = 0; i != 50; ++i) all.add().charge->set(500 * KiB, 10 * KiB);
  CHECK(all.account->size() == 500 * KiB);
  CHECK(all.account->closed() == 0);
  for (auto const& each : all.all) each->charge->set(500 * KiB, 21 * KiB);
  CHECK(all.account->closed() == 3);  // 47 × 21 KiB are below the limit
}

TEST_CASE("queue account: owners that are gone, or for whom there is no memory, keep nobody from leaving") {
  crowd all(1000 * KiB);
  sender& deaf = all.add();
  deaf.out_of_memory = true;
  queue_charge late(all.account, std::weak_ptr<roster_member>(),
                    [](auto const&, bool) { FAIL("nobody is there"); });
  late.set(900 * KiB, 900 * KiB);
  deaf.has(800 * KiB);
  sender& one = all.add();
  one.has(700 * KiB);
  CHECK(deaf.told.empty());
  CHECK(one.told.empty());
  sender& two = all.add();
  two.has(400 * KiB);
  CHECK(one.told == "l");
  CHECK(two.told.empty());
}

TEST_CASE("queue account: many threads, and in the end nothing is left") {
  crowd all(2000 * KiB);
  for (int i = 0; i != 40; ++i) all.add();
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t != 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t round = 0; round != 2000; ++round) {
        sender& one = *all.all[t * 10 + round % 10];
        if (round % 7 == 0) {
          one.charge->clear();
        } else {
          one.has((64 + round % 300) * KiB);
        }
      }
    });
  }
  for (auto& each : threads) each.join();
  for (auto const& each : all.all) each->charge.reset();
  CHECK(all.account->size() == 0);
  CHECK(all.account->closed() <= 40);
}

}  // namespace queue_account_tests
