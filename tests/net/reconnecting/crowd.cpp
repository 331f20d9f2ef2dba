// A crowd that loses its server together, again and again.
#include <kindwire/net/reconnecting_websocket.hpp>

#include <doctest/doctest.h>

#if !defined(_WIN32)
#include <sys/resource.h>
#endif

#include <algorithm>
#include <array>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <kindwire/net/server.hpp>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../../support/bytes.hpp"
#include "../../support/sanitized.hpp"

namespace crowd_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using state = kw::net::reconnect_state;

namespace {

// How many clients there can be, each of which takes a descriptor at both ends.
std::size_t size_of_crowd() {
#if defined(SANITIZED)
  std::size_t const wanted = 100;
#else
  std::size_t const wanted = 1000;
#endif
#if defined(_WIN32)
  return wanted;
#else
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return (std::min)(wanted, static_cast<std::size_t>(limit.rlim_cur) / 2 - 100);
#endif
}

// In a thread of its own; killed, it is gone with all its connections and whatever they had not sent.
class mortal_server {
 public:
  explicit mortal_server(std::vector<std::vector<std::string>>& said) : said_(said) {}
  ~mortal_server() { kill(); }

  void start() {
    io_.emplace(1);
    server_.emplace(*io_, kw::net::server_options{.port = port_, .strands = false});
    server_->websocket("/{number}", [this](kw::net::websocket& ws) { return listen_to(ws); });
    server_->start();
    port_ = server_->port();
    thread_ = std::thread([this] { io_->run(); });
  }
  void kill() {
    if (!thread_.joinable()) return;
    io_->stop();
    thread_.join();
    server_.reset();
    io_.reset();
  }

  std::uint16_t port() const noexcept { return port_; }
  std::size_t received() const noexcept { return received_.load(std::memory_order_acquire); }

 private:
  asio::awaitable<void> listen_to(kw::net::websocket& ws) {
    auto const number = static_cast<std::size_t>(std::stoul(std::string(ws.request().parameter("number"))));
    while (kw::message const msg = co_await ws.receive()) {
      said_[number].emplace_back(msg.text());
      received_.fetch_add(1, std::memory_order_release);
    }
  }

  std::vector<std::vector<std::string>>& said_;  // looked at when all has been received, or it is killed
  std::atomic<std::size_t> received_{0};
  std::optional<asio::io_context> io_;
  std::optional<kw::net::server> server_;
  std::thread thread_;
  std::uint16_t port_ = 0;
};

template <class Condition>
bool run_until(asio::io_context& io, Condition so) {
  auto const limit = std::chrono::steady_clock::now() + 3min;
  while (!so()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    io.restart();
    io.run_for(2ms);
  }
  return true;
}

}  // namespace

TEST_CASE(
    "reconnect: a crowd comes back to a server that dies twenty times: all of it, spread, and losing "
    "nothing") {
  std::size_t const crowd = size_of_crowd();
  constexpr int deaths = 20;
  constexpr std::uint64_t window = 200;  // milliseconds, over which the first tries are spread
  constexpr std::size_t slices = 10;

  std::vector<std::vector<std::string>> said(crowd);
  mortal_server server(said);
  server.start();
  asio::io_context io(1);
  std::deque<kw::net::reconnecting_websocket> clients;
  support::random_numbers numbers(15);
  std::array<std::size_t, slices> first_tries{};
  std::size_t open = 0;
  std::size_t drawn = 0;

  kw::net::client const client;
  for (std::size_t i = 0; i != crowd; ++i) {
    auto const draw = [&](std::uint64_t most) {
      std::uint64_t const number = numbers.below(static_cast<std::size_t>(most));
      // The first try after a connection; later ones are drawn from twice as much.
      if (most == window + 1) {
        ++first_tries[static_cast<std::size_t>(
            (std::min)(number * slices / window, std::uint64_t{slices - 1}))];
        ++drawn;
      }
      return number;
    };
    auto const count_open = [&open, was = false](kw::net::reconnect_status const& now) mutable {
      bool const is = now.state == state::open;
      if (is != std::exchange(was, is)) is ? ++open : --open;
    };
    kw::net::reconnect_options options{.first_delay = std::chrono::milliseconds(window),
                                       .max_delay = std::chrono::milliseconds(2 * window),
                                       .stable_after = 0ms,
                                       .changed = count_open,
                                       .while_away = kw::net::away_policy::keep,
                                       .draw = draw};
    std::string const to = "ws://127.0.0.1:" + std::to_string(server.port()) + '/' + std::to_string(i);
    clients.emplace_back(client, io, to, std::move(options));
  }
  REQUIRE(run_until(io, [&] { return open == crowd; }));

  for (int death = 0; death != deaths; ++death) {
    CAPTURE(death);
    first_tries = {};
    drawn = 0;
    server.kill();
    REQUIRE(run_until(io, [&] { return open == 0; }));
    std::size_t refused = 0;
    for (auto& each : clients) {
      if (each.try_send(std::to_string(death))) ++refused;
    }
    CHECK(refused == 0);
    server.start();
    std::size_t const expected = crowd * static_cast<std::size_t>(death + 1);
    REQUIRE(run_until(io, [&] { return open == crowd && server.received() >= expected; }));
    CHECK(server.received() == expected);

    // Each drew one time of its own. Of 1,000 draws, more than twice the mean fall into some slice of ten
    // with a probability below 10^-17 (Chernoff: 10 exp(-44)); of 100, below 10 exp(-4.4), too often to be
    // judged.
    CHECK(drawn == crowd);
    if (crowd < 1000) continue;
    CHECK(*std::max_element(first_tries.begin(), first_tries.end()) <= 2 * crowd / slices);
  }

  server.kill();
  std::vector<std::string> whole;
  for (int death = 0; death != deaths; ++death) whole.push_back(std::to_string(death));
  std::size_t complete = 0;
  for (auto const& each : said) complete += each == whole ? 1 : 0;
  CHECK(complete == crowd);
}

}  // namespace crowd_tests
