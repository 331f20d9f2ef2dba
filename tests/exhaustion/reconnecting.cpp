// A connection that comes back meets std::bad_alloc where it takes a message in: that connection is lost, and
// says why, and another one comes.
#include <kindwire/net/reconnecting_websocket.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "../net/reconnecting/script.hpp"
#include "scarce_memory.hpp"

namespace reconnecting_tests {

namespace kw = kindwire;
using exhaustion::scarce_memory;
using test::script;
using test::words;

namespace {

auto const no_memory = std::make_error_code(std::errc::not_enough_memory);

// Receives to the end, and keeps copies, for which there is memory.
struct receiver {
  script& run;
  words seen = {};
  std::optional<std::error_code> failed = {};

  void receive() {
    run.feed->receive([this](std::error_code failure, kw::message msg) {
      bool const refused = exhaustion::refuses();
      exhaustion::refuse(false);
      if (failure) {
        failed = failure;
      } else if (msg) {
        seen.emplace_back(msg.text());
      }
      exhaustion::refuse(refused);
      if (!failure && msg) receive();
    });
  }
};

void message_without_memory(scarce_memory& memory) {
  script run;
  receiver to{run};
  REQUIRE(run.until_open());
  to.receive();
  std::string const text(20'000, 'l');
  run.far.ws->try_send("before");
  run.far.ws->try_send(text);
  auto const is_over = [&] {
    return to.seen.size() == 2 || to.failed || run.feed->status().connections == 2;
  };
  // Up to the refusal only: Asio ends a program that has no memory for a coroutine, as that which connects
  // is.
  for (int i = 0; i != 100'000 && !is_over() && !memory.refused(); ++i) {
    bool busy = run.far.run();
    CHECK_MESSAGE(memory.attempt([&] {
      run.io.restart();
      busy = run.io.poll_one() != 0 || busy;
    }),
                  "it was thrown out of the context");
    if (!busy) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  CHECK(run.until(is_over));
  CHECK(to.seen.size() <= 2);
  if (to.seen.size() != 2) CHECK(run.feed->last_disconnection().error == no_memory);
  if (to.failed) {
    CHECK(*to.failed == no_memory);
    to.receive();
  }
  run.settle();
  std::size_t const seen = to.seen.size();
  REQUIRE(run.until([&] { return run.feed->is_open() && run.far.ws != nullptr; }));
  run.far.ws->try_send("next");
  REQUIRE(run.until([&] { return to.seen.size() > seen; }));
  CHECK(to.seen.back() == "next");
}

}  // namespace

TEST_CASE("no memory for a message to a connection that comes back: it comes back") {
  CHECK(exhaustion::at_every_allocation(message_without_memory, kw::detail::block_pool::smallest) >= 1);
}

}  // namespace reconnecting_tests
