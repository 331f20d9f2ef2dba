#include <kindwire/net/connection/operation.hpp>

#include <doctest/doctest.h>

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <ostream>
#include <system_error>
#include <utility>
#include <vector>

namespace operation_waiting_list_tests {

using kindwire::net::detail::waiting_list;

namespace {

// Handlers that write down who was called, with what.
struct script {
  using calls = std::vector<std::pair<std::uint32_t, std::error_code>>;

  void add(std::uint32_t ticket) {
    list.add(
        {[this, ticket](std::error_code outcome) { seen.emplace_back(ticket, outcome); }, io.get_executor()},
        ticket);
  }
  calls settle() {
    io.restart();
    io.poll();
    return std::exchange(seen, {});
  }

  asio::io_context io;
  calls seen;
  waiting_list list;
};

std::error_code const aborted = asio::error::operation_aborted;
std::error_code const reset = asio::error::connection_reset;

}  // namespace

TEST_CASE("waiting_list: all that wait complete together, in order, and not inside the call") {
  script one;
  CHECK(one.list.empty());
  for (auto const ticket : {7u, 3u, 5u}) one.add(ticket);
  CHECK(!one.list.empty());
  one.list.complete(one.io.get_executor(), reset);
  CHECK(one.seen.empty());
  CHECK(one.list.empty());
  CHECK((one.settle() == script::calls{{7, reset}, {3, reset}, {5, reset}}));
  one.list.complete(one.io.get_executor(), reset);
  CHECK(one.settle().empty());
}

TEST_CASE("waiting_list: each is cancelled on its own") {
  for (std::uint32_t const cancelled : {1u, 2u, 3u}) {
    script one;
    for (auto const ticket : {1u, 2u, 3u}) one.add(ticket);
    one.list.cancel(one.io.get_executor(), cancelled);
    CHECK(one.seen.empty());
    CHECK((one.settle() == script::calls{{cancelled, aborted}}));
    one.list.cancel(one.io.get_executor(), cancelled);
    one.list.cancel(one.io.get_executor(), 9);
    CHECK(one.settle().empty());
    one.list.complete(one.io.get_executor(), {});
    script::calls rest;
    for (std::uint32_t const ticket : {1u, 2u, 3u}) {
      if (ticket != cancelled) rest.emplace_back(ticket, std::error_code{});
    }
    CHECK((one.settle() == rest));
  }
}

TEST_CASE("waiting_list: a handler may wait again") {
  script one;
  one.list.add({[&](std::error_code) { one.add(2); }, one.io.get_executor()}, 1);
  one.list.complete(one.io.get_executor(), {});
  CHECK(one.settle().empty());
  CHECK(!one.list.empty());
  one.list.complete(one.io.get_executor(), reset);
  CHECK((one.settle() == script::calls{{2, reset}}));
}

TEST_CASE("waiting_list: what still waits is destroyed with it, without a call") {
  asio::io_context io;
  auto const owned = std::make_shared<int>();
  int calls = 0;
  {
    waiting_list list;
    list.add({[owned, &calls](std::error_code) { ++calls; }, io.get_executor()}, 1);
    CHECK(owned.use_count() == 2);
    waiting_list const moved = std::move(list);
    CHECK(owned.use_count() == 2);
  }
  CHECK(owned.use_count() == 1);
  CHECK(calls == 0);
}

}  // namespace operation_waiting_list_tests
