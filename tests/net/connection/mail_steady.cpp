// The steady state of mail: nothing is allocated for a message, and no more is kept than is used.
#include <kindwire/net/connection/mailbox_place.hpp>

#include <doctest/doctest.h>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "support/allocations.hpp"

namespace mail_steady_tests {

namespace kw = kindwire;
using kw::message_type;
using kw::net::detail::encoding;
using kw::net::detail::mail_blocks;
using kw::net::detail::mailbox;
using kw::net::detail::mailbox_place;

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
  CHECK((1100 - fresh) * mail_blocks::largest == std::size_t{4} << 20);
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
    io.restart();
    io.poll();
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

}  // namespace mail_steady_tests
