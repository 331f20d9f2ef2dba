#include <kindwire/net/connection/connect_to_any.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace connect_to_any_tests {

namespace net = kindwire::net;

namespace {

auto const no_family = std::make_error_code(std::errc::address_family_not_supported);
auto const no_descriptor = std::make_error_code(std::errc::too_many_files_open);
auto const refused = std::make_error_code(std::errc::connection_refused);

// What becomes of an attempt at an endpoint: no socket can be opened for it, or it takes the connection or
// not.
struct endpoint {
  std::error_code open;
  std::error_code connect;
  endpoint protocol() const { return *this; }
};

// A socket whose connects wait until the test lets them end.
struct socket {
  using endpoint_type = endpoint;
  void close(std::error_code&) { opened = false; }
  bool is_open() const { return opened; }
  void open(endpoint const& of, std::error_code& failure) {
    CHECK(!opened);
    failure = of.open;
    opened = !failure;
  }
  template <class Handler>
  void async_connect(endpoint const& to, Handler handler) {
    CHECK(opened);
    ++connects;
    auto const held = std::make_shared<Handler>(std::move(handler));
    waiting = [held, outcome = to.connect](std::error_code cancelled) {
      (*held)(cancelled ? cancelled : outcome);
    };
  }
  void run(std::error_code cancelled = {}) {
    while (auto const next = std::exchange(waiting, nullptr)) next(cancelled);
  }

  bool opened = false;
  int connects = 0;
  std::function<void(std::error_code)> waiting;
};

std::optional<std::error_code> outcome(std::vector<endpoint> all, int connects,
                                       std::error_code cancelled = {}) {
  socket one;
  std::optional<std::error_code> result;
  net::detail::connect_to_any(one, std::move(all), [&](std::error_code failure) {
    CHECK(!result);
    result = failure;
  });
  one.run(cancelled);
  CHECK(one.connects == connects);
  return result;
}

}  // namespace

TEST_CASE("connect_to_any: the first endpoint that takes the connection") {
  CHECK(outcome({{}}, 1) == std::error_code{});
  CHECK(outcome({{{}, refused}, {}, {}}, 2) == std::error_code{});
}

TEST_CASE("connect_to_any: an endpoint for which no socket can be opened is passed over") {
  CHECK(outcome({{no_family, {}}, {}}, 1) == std::error_code{});
  CHECK(outcome({{no_descriptor, {}}, {no_family, {}}, {}}, 1) == std::error_code{});
  CHECK(outcome({{{}, refused}, {no_family, {}}, {}}, 2) == std::error_code{});
}

TEST_CASE("connect_to_any: the error is that of the last one that could be asked, else why none could") {
  CHECK(outcome({{no_family, {}}}, 0) == no_family);
  CHECK(outcome({{no_family, {}}, {no_descriptor, {}}}, 0) == no_descriptor);
  CHECK(outcome({{no_family, {}}, {{}, refused}}, 1) == refused);
  CHECK(outcome({{{}, refused}, {no_family, {}}}, 1) == refused);
  CHECK(outcome({}, 0) == asio::error::host_not_found);
}

TEST_CASE("connect_to_any: a cancelled attempt is the last") {
  CHECK(outcome({{}, {}}, 1, asio::error::operation_aborted) == asio::error::operation_aborted);
}

TEST_CASE("connect_to_any: a socket that is closed while a refusal is on its way is not opened again") {
  socket one;
  std::optional<std::error_code> result;
  net::detail::connect_to_any(one, std::vector<endpoint>{{{}, refused}, {}},
                              [&](std::error_code failure) { result = failure; });
  std::error_code ignored;
  one.close(ignored);
  one.run();
  CHECK(result == asio::error::operation_aborted);
  CHECK(one.connects == 1);
  CHECK(!one.is_open());
}

}  // namespace connect_to_any_tests
