#include <kindwire/net/connecting/connect_race.hpp>

#include <doctest/doctest.h>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace connect_race_tests {

namespace net = kindwire::net;
using namespace std::chrono_literals;

namespace {

auto const no_family = std::make_error_code(std::errc::address_family_not_supported);
auto const no_descriptor = std::make_error_code(std::errc::too_many_files_open);
auto const refused = std::make_error_code(std::errc::connection_refused);

// What the test sees of the sockets, and how it lets a connect end.
struct script {
  std::vector<std::pair<int, std::function<void(std::error_code)>>> waiting;  // by the endpoint's name
  int open = 0;
  int connects = 0;

  bool end(int name, std::error_code how) {
    for (auto& [of, handler] : waiting) {
      if (of != name || !handler) continue;
      std::exchange(handler, nullptr)(how);
      return true;
    }
    return false;
  }
};

struct endpoint {
  int name = 0;
  int family = 4;
  std::error_code no_socket = {};
  script* of = nullptr;
  struct kind {
    int family;
    std::error_code no_socket;
    script* of;
    bool operator==(kind const& other) const { return family == other.family; }
  };
  kind protocol() const { return {family, no_socket, of}; }
};

struct socket {
  using endpoint_type = endpoint;
  explicit socket(asio::any_io_executor const&) {}
  socket(socket&& other) noexcept : of(std::exchange(other.of, nullptr)) {}
  ~socket() { close_it(); }
  void open(endpoint::kind const& how, std::error_code& failure) {
    failure = how.no_socket;
    if (failure) return;
    of = how.of;
    ++of->open;
  }
  void close(std::error_code&) { close_it(); }
  void close_it() {
    if (auto* const from = std::exchange(of, nullptr)) --from->open;
  }
  template <class Handler>
  void async_connect(endpoint const& to, Handler handler) {
    ++of->connects;
    of->waiting.emplace_back(to.name, std::move(handler));
  }
  script* of = nullptr;
};

struct race {
  explicit race(std::vector<endpoint> all,
                net::detail::race_terms<socket> terms = {.head_start = 1h, .limit = 1h}) {
    for (auto& each : all) each.of = &sockets;
    running = std::make_shared<net::detail::connect_race<socket>>(
        io.get_executor(), std::move(terms),
        [this](std::error_code how, socket one, std::vector<net::detail::failed_endpoint<endpoint>> failed) {
          CHECK(!outcome);
          outcome = how;
          won = one.of != nullptr;
          CHECK(sockets.open == (won ? 1 : 0));
          for (auto const& each : failed) lost.push_back(each.to.name);
        });
    running->start(all);
  }
  std::vector<int> asked() const {
    std::vector<int> names;
    for (auto const& [name, handler] : sockets.waiting) names.push_back(name);
    return names;
  }

  asio::io_context io;
  script sockets;
  std::shared_ptr<net::detail::connect_race<socket>> running;
  std::optional<std::error_code> outcome;
  bool won = false;
  std::vector<int> lost;
};

std::vector<int> names(std::vector<endpoint> const& all) {
  std::vector<int> result;
  for (endpoint const& each : net::detail::interleaved(all)) result.push_back(each.name);
  return result;
}

}  // namespace

TEST_CASE("RFC 8305 §4: the families take turns") {
  CHECK(names({}).empty());
  CHECK(names({{1, 6}, {2, 6}, {3, 6}, {4, 4}, {5, 4}}) == std::vector<int>{1, 4, 2, 5, 3});
  CHECK(names({{1, 4}, {2, 6}, {3, 6}, {4, 6}}) == std::vector<int>{1, 2, 3, 4});
  CHECK(names({{1, 4}, {2, 4}}) == std::vector<int>{1, 2});
}

TEST_CASE("connect_race: one that fails is followed by the next at once") {
  race of({{1}, {2}, {3}});
  CHECK(of.asked() == std::vector<int>{1});
  of.sockets.end(1, refused);
  CHECK(of.asked() == std::vector<int>{1, 2});
  CHECK(of.sockets.open == 1);
  CHECK(!of.outcome);
  of.sockets.end(2, {});
  CHECK(of.outcome == std::error_code{});
  CHECK(of.won);
  CHECK(of.lost == std::vector<int>{1});
  CHECK(of.sockets.connects == 2);
}

TEST_CASE("connect_race: one that is silent is followed after its head start, and may win yet") {
  race of({{1}, {2}, {3}}, {.head_start = 1ms, .limit = 1h});
  while (of.sockets.connects != 3) of.io.run_one();
  CHECK(!of.outcome);
  of.sockets.end(2, refused);
  of.sockets.end(1, {});
  CHECK(of.outcome == std::error_code{});
  CHECK(of.won);
  // What still comes for the others comes too late.
  of.sockets.end(3, {});
  CHECK(of.sockets.open == 0);
}

TEST_CASE("connect_race: each is given up at its limit") {
  race of({{1}, {2}}, {.head_start = 1h, .limit = 1ms});
  of.io.run();
  CHECK(of.outcome == asio::error::timed_out);
  CHECK(of.sockets.connects == 2);
  CHECK(of.lost == std::vector<int>{1, 2});
}

TEST_CASE("connect_race: an endpoint for which no socket can be had is passed over") {
  race of({{1, 6, no_family}, {2}, {3, 6, no_descriptor}, {4}});
  CHECK(of.asked() == std::vector<int>{2});
  of.sockets.end(2, refused);
  CHECK(of.asked() == std::vector<int>{2, 4});
  of.sockets.end(4, {});
  CHECK(of.won);
  CHECK(of.lost == std::vector<int>{1, 2, 3});

  race prepared({{1}, {2}}, {.head_start = 1h, .limit = 1h, .prepare = [](socket&, endpoint const& to) {
                               return to.name == 1 ? no_family : std::error_code{};
                             }});
  CHECK(prepared.asked() == std::vector<int>{2});
}

TEST_CASE("connect_race: the error is that of the last one that could be asked, else why none could") {
  CHECK(race({}).outcome == asio::error::host_not_found);
  CHECK(race({{1, 4, no_family}}).outcome == no_family);
  CHECK(race({{1, 4, no_family}, {2, 4, no_descriptor}}).outcome == no_descriptor);
  race of({{1}, {2, 4, no_family}});
  of.sockets.end(1, refused);
  CHECK(of.outcome == refused);
}

TEST_CASE("connect_race: once it is cancelled nothing is told and nothing is open") {
  race of({{1}, {2}}, {.head_start = 1ms, .limit = 1h});
  while (of.sockets.connects != 2) of.io.run_one();
  of.running->cancel();
  CHECK(of.sockets.open == 0);
  of.sockets.end(1, {});
  of.sockets.end(2, asio::error::operation_aborted);
  of.io.run();
  CHECK(!of.outcome);
  of.sockets.waiting.clear();
  CHECK(of.running.use_count() == 1);
}

}  // namespace connect_race_tests
