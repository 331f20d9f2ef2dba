#include <kindwire/net/reconnecting/incoming.hpp>

#include <doctest/doctest.h>

#include <asio/any_io_executor.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <kindwire/net/websocket.hpp>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "../test_stream.hpp"

namespace incoming_tests {

namespace kw = kindwire;
using kw::net::reconnect_event;
using kw::net::detail::incoming;

namespace {

// An executor that has no memory for a handler while `refuses`.
struct scarce_executor {
  asio::io_context* io;
  bool const* refuses;

  asio::execution_context& query(asio::execution::context_t) const noexcept { return *io; }
  static constexpr asio::execution::blocking_t::never_t query(asio::execution::blocking_t) noexcept {
    return {};
  }
  template <class Work>
  void execute(Work work) const {
    if (*refuses) throw std::bad_alloc();
    asio::post(*io, std::move(work));
  }
  bool operator==(scarce_executor const& other) const noexcept { return io == other.io; }
  bool operator!=(scarce_executor const& other) const noexcept { return !(*this == other); }
};

struct owner final : kw::net::detail::incoming_owner {
  void on_line_drained(kw::net::detail::line const&, std::error_code why) override { drained = why; }
  void on_line_gone() override { ++gone; }
  std::optional<std::error_code> drained;
  int gone = 0;
};

}  // namespace

TEST_CASE("incoming: no memory for a receive ends that receive, and loses nothing") {
  asio::io_context io;
  bool refuses = false;
  asio::any_io_executor const executor = scarce_executor{&io, &refuses};
  auto const far = std::make_shared<test::peer>(executor);
  auto const told = std::make_shared<owner>();
  auto const line = std::make_shared<kw::net::detail::line>(
      kw::net::basic_websocket<test::stream>(test::stream(far), kw::role::client), 1);
  incoming in(executor, *told);
  in.add(line, told);
  test::settle(io);

  std::optional<std::error_code> outcome;
  std::string text;
  auto const receive = [&] {
    outcome.reset();
    auto done = [&](std::error_code failure, reconnect_event event) {
      outcome = failure;
      text = event.msg.text();
    };
    in.receive(kw::net::detail::event_operation(std::move(done), executor), false, told);
  };
  // A turn that is due already needs no memory.
  for (int i = 0; i != 3; ++i) {
    refuses = true;
    receive();
    CHECK(outcome == std::make_error_code(std::errc::not_enough_memory));
    CHECK(!in.waits());
    refuses = false;
    test::settle(io);
  }
  far->push_frame(kw::role::server, kw::opcode::text, "one");
  far->push_frame(kw::role::server, kw::opcode::text, "two");
  test::settle(io);
  for (std::string const each : {"one", "two"}) {
    receive();
    test::settle(io);
    REQUIRE(outcome);
    CHECK(!*outcome);
    CHECK(text == each);
  }
  CHECK(line->is_open());
  CHECK(!told->drained);
  in.drop();
  far->drop();
}

}  // namespace incoming_tests
