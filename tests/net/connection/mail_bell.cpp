#include <kindwire/net/connection/mailbox_place.hpp>

#include <doctest/doctest.h>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../../support/allocations.hpp"

namespace mail_bell_tests {

namespace kw = kindwire;
using kw::message_type;
using kw::net::detail::encoding;
using kw::net::detail::mail_bell;
using kw::net::detail::mail_blocks;
using kw::net::detail::mail_waker;
using kw::net::detail::mailbox;
using kw::net::detail::mailbox_place;

namespace {

struct waker final : mail_waker {
  void on_wake() override {
    ++calls;
    if (then) then();
  }
  void on_silence() noexcept override { ++silences; }
  void prepare_wake() const noexcept override {}

  int calls = 0;
  int silences = 0;
  std::function<void()> then;
};

std::size_t settle(asio::io_context& io) {
  io.restart();
  return io.poll();
}

}  // namespace

TEST_CASE("mail_bell: one post calls all who have rung until its turn") {
  asio::io_context io;
  auto const bell = mail_bell::of(io.get_executor());
  REQUIRE(bell != nullptr);
  CHECK(bell == mail_bell::of(io.get_executor()));
  auto const one = std::make_shared<waker>(), two = std::make_shared<waker>();
  CHECK(bell->ring(one));
  CHECK(bell->ring(two));
  CHECK(one->calls == 0);
  CHECK(settle(io) == 1);
  CHECK(one->calls == 1);
  CHECK(two->calls == 1);
  CHECK(settle(io) == 0);
}

TEST_CASE("mail_bell: who rings during a turn is called in the next") {
  asio::io_context io;
  auto const bell = mail_bell::of(io.get_executor());
  auto const one = std::make_shared<waker>(), two = std::make_shared<waker>();
  one->then = [&] {
    if (one->calls == 1) CHECK(bell->ring(one));
    CHECK(bell->ring(two));
  };
  CHECK(bell->ring(one));
  io.restart();
  CHECK(io.poll_one() == 1);
  CHECK(one->calls == 1);
  CHECK(two->calls == 0);
  CHECK(settle(io) == 2);
  CHECK(one->calls == 2);
  CHECK(two->calls == 2);
}

TEST_CASE("mail_bell: what one throws leaves through run(), and the others are called") {
  asio::io_context io;
  auto const bell = mail_bell::of(io.get_executor());
  std::vector<std::shared_ptr<waker>> all;
  for (int i = 0; i != 4; ++i) {
    all.push_back(std::make_shared<waker>());
    CHECK(bell->ring(all.back()));
  }
  all[1]->then = [] { throw std::runtime_error("that of one"); };
  io.restart();
  CHECK_THROWS_AS(io.poll(), std::runtime_error);
  settle(io);
  for (auto const& each : all) CHECK(each->calls + each->silences == 1);
  CHECK(all[3]->calls == 1);
}

TEST_CASE("mail_bell: those who have rung are dropped with the context, and nobody can ring any more") {
  auto const one = std::make_shared<waker>();
  std::shared_ptr<mail_bell> bell;
  {
    asio::io_context io;
    bell = mail_bell::of(io.get_executor());
    CHECK(bell->ring(one));
    CHECK(one.use_count() == 2);
  }
  CHECK(one.use_count() == 1);
  CHECK(!bell->ring(one));
  CHECK(one.use_count() == 1);
  CHECK(one->calls == 0);
}

TEST_CASE("mail_blocks: a block that is given back is taken again, and nothing is left in it") {
  mail_blocks blocks;
  kw::buffer one = blocks.take(2000);
  CHECK(one.capacity() >= 2000);
  one.append("something", 9);
  auto const* const place = one.bytes().data();
  blocks.give(one);
  CHECK(one.capacity() == 0);
  kw::buffer again = blocks.take(1100);
  CHECK(again.empty());
  CHECK(again.prepare(1).data() == place);
}

TEST_CASE("mail_blocks: those that nobody needs are freed, and those in use are not") {
  mail_blocks blocks;
  std::vector<kw::buffer> all(10);
  for (auto& each : all) each = blocks.take(4096);
  for (auto& each : all) blocks.give(each);
  auto const turn = [&] {
    for (std::size_t i = 0; i != 3; ++i) all[i] = blocks.take(4096);
    for (std::size_t i = 0; i != 3; ++i) blocks.give(all[i]);
  };
  for (int i = 0; i != 2 * 65536; ++i) turn();
  // On a thread that has no blocks of its own.
  std::thread([&] {
    support::allocation_counter const allocated;
    for (std::size_t i = 0; i != 3; ++i) all[i] = blocks.take(4096);
    CHECK(allocated.calls() == 0);
    for (std::size_t i = 3; i != 10; ++i) all[i] = blocks.take(4096);
    CHECK(allocated.calls() == 7);
    for (auto& each : all) blocks.give(each);
  }).join();
}

TEST_CASE("mail_blocks: no more is kept than there may be") {
  mail_blocks blocks;
  std::vector<kw::buffer> all(1100);
  for (auto& each : all) each = blocks.take(mail_blocks::largest);
  for (auto& each : all) blocks.give(each);
  std::size_t fresh = 0;
  std::thread([&] {  // which has no blocks of its own
    support::allocation_counter const allocated;
    for (auto& each : all) each = blocks.take(mail_blocks::largest);
    fresh = allocated.calls();
    all.clear();
  })
      .join();
  CHECK((1100 - fresh) * mail_blocks::largest == std::size_t{16} << 20);
}

namespace {

// Takes what comes, and only counts it.
struct owner : std::enable_shared_from_this<owner> {
  void mail_arrived() {
    place.take(
        false, [this](message_type, std::span<std::byte const>, encoding) { ++got; },
        [] { return std::size_t{0}; });
  }

  std::size_t got = 0;
  mailbox_place place;
};

// Sixteen messages to each of a thousand in a turn, from the context's own thread and from others.
void send_to_many(bool strands) {
  asio::io_context io;
  std::vector<std::shared_ptr<owner>> owners;
  std::vector<std::shared_ptr<mailbox>> all;
  for (int i = 0; i != 1000; ++i) {
    asio::any_io_executor executor = io.get_executor();
    if (strands) executor = asio::make_strand(io.get_executor());
    owners.push_back(std::make_shared<owner>());
    all.push_back(owners.back()->place.open(*owners.back(), executor, 1 << 20));
  }
  std::string const text(128, 'x');
  std::size_t sent = 0, failed = 0;
  std::size_t allocated = 0;
  auto const publish = [&] {
    for (int i = 0; i != 16; ++i, ++sent) {
      for (auto const& each : all)
        if (each->send(message_type::text, kw::detail::as_bytes(text))) ++failed;
    }
  };
  for (int turn = 0; turn != 20; ++turn) {
    bool const steady = turn >= 10;
    if (turn % 2 == 0) {
      std::thread([&] {
        support::allocation_counter const those;
        publish();
        if (steady) allocated += those.calls();
      }).join();
    }
    support::allocation_counter const those;
    if (turn % 2 == 1) asio::post(io, publish);
    settle(io);
    // What Asio keeps for its thread is made anew each time that the thread begins to run the context.
    if (steady && those.calls() > 8) allocated += those.calls();
  }
  CHECK(failed == 0);
  CHECK(allocated == 0);
  for (auto const& each : owners) CHECK(each->got == sent);
}

}  // namespace

TEST_CASE("mailbox: messages to many connections allocate nothing in the steady state") {
  send_to_many(false);
}
TEST_CASE("mailbox: nor do they on strands") { send_to_many(true); }

}  // namespace mail_bell_tests
