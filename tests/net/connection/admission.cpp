#include <kindwire/net/connection/admission.hpp>

#include <doctest/doctest.h>

#include <asio/ip/address.hpp>
#include <asio/ip/address_v6.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace admission_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using kw::net::detail::admission;
using kw::net::detail::admission_seat;
using kw::net::detail::admission_verdict;
using kw::net::detail::client_address;

namespace {

constexpr client_address ann{1, false};
constexpr client_address ben{2, false};

// Times are of a clock that begins with it; what is kept is judged by the real one, which is not far ahead.
struct counts {
  explicit counts(kw::net::server_limits const& limits) : all(std::make_shared<admission>(limits)) {}

  admission_verdict admit(std::optional<client_address> from = {}, std::chrono::milliseconds at = 0ms) {
    return admission::admit(all, from, begin + at);
  }
  // The status of the answer; 0 for none, 101 if it may go on.
  unsigned status(std::optional<client_address> from = {}, std::chrono::milliseconds at = 0ms) {
    auto verdict = admit(from, at);
    if (!verdict.seat) return 0;
    unsigned const result = verdict.refusal ? verdict.refusal->status : 101;
    kept.push_back(std::move(verdict.seat));
    return result;
  }

  admission::clock::time_point const begin = admission::clock::now();
  std::shared_ptr<admission> all;
  std::vector<std::shared_ptr<admission_seat>> kept;
};

std::string retry_after(admission_verdict const& of) {
  for (auto const& [name, value] : of.refusal->headers) {
    if (name == "Retry-After") return value;
  }
  return {};
}

}  // namespace

TEST_CASE("admission: all connections, and a place that is given back is taken again") {
  counts side({.connections = 2});
  CHECK(side.status() == 101);
  CHECK(side.status(ann) == 101);
  CHECK(side.status() == 503);
  CHECK(side.all->refused().connections == 1);
  CHECK(side.all->counted().connections == 2);
  side.kept.front().reset();
  CHECK(side.all->counted().connections == 1);
  CHECK(side.status(ben) == 101);
  CHECK(side.status(ben) == 503);
  side.kept.clear();
  CHECK(side.all->counted().connections == 0);
  CHECK(side.all->counted().addresses == 0);
}

TEST_CASE("admission: those of an address, which one without does not count for") {
  counts side({.connections_per_address = 2});
  CHECK(side.status(ann) == 101);
  CHECK(side.status(ann) == 101);
  CHECK(side.status(ann) == 429);
  CHECK(side.status(ben) == 101);
  for (int i = 0; i != 5; ++i) CHECK(side.status() == 101);
  CHECK(side.all->refused().connections_per_address == 1);
  CHECK(side.all->counted().addresses == 2);
  side.kept[0].reset();
  CHECK(side.status(ann) == 101);
  CHECK(side.status(ann) == 429);
  side.kept.clear();
  CHECK(side.all->counted().addresses == 0);
}

TEST_CASE("admission: handshakes, until they have ended in either way") {
  counts side({.handshakes = 1});
  CHECK(side.status() == 101);
  CHECK(side.status() == 503);
  CHECK(side.all->refused().handshakes == 1);
  side.kept[0]->opened();
  side.kept[0]->opened();
  CHECK(side.all->counted().handshakes == 0);
  CHECK(side.all->counted().connections == 1);
  CHECK(side.status() == 101);
  side.kept.clear();
  CHECK(side.all->counted().handshakes == 0);
  CHECK(side.status() == 101);
}

TEST_CASE("admission: new connections of an address, and when it may try again") {
  kw::net::server_limits limits{.new_connections_per_address = {.per_second = 0.1, .burst = 2}};
  limits.retry_after = 3s;
  counts side(limits);
  CHECK(side.status(ann) == 101);
  CHECK(side.status(ann) == 101);
  auto const refused = side.admit(ann, 500ms);
  REQUIRE(refused.refusal);
  CHECK(refused.refusal->status == 429);
  CHECK(retry_after(refused) == "10");  // 9.5 s, upwards
  CHECK(retry_after(side.admit(ann, 9s)) == "3");
  CHECK(side.status(ben) == 101);
  side.kept.clear();
  CHECK(side.status(ann, 9999ms) == 429);
  CHECK(side.status(ann, 10s) == 101);
  CHECK(side.status(ann, 10s) == 429);
  CHECK(side.all->refused().new_connections_per_address == 4);
}

TEST_CASE("admission: a refusal for another reason uses up nothing") {
  kw::net::server_limits limits{.connections = 1, .new_connections_per_address = {.per_second = 0.1}};
  counts side(limits);
  auto const first = side.admit();
  for (int i = 0; i != 20; ++i) CHECK(side.status(ann) == 503);
  CHECK(side.all->counted().addresses == 0);
  counts other({.handshakes = 1, .new_connections_per_address = {.per_second = 0.1}});
  other.status();
  for (int i = 0; i != 3; ++i) CHECK(other.status(ann) == 503);
  other.kept.clear();
  CHECK(other.status(ann) == 101);
}

TEST_CASE("admission: so many of the refused are answered at a time") {
  counts side({.connections = 1, .answered_refusals = 2});
  CHECK(side.status() == 101);
  CHECK(side.status() == 503);
  CHECK(side.status() == 503);
  CHECK(side.status() == 0);
  CHECK(side.status() == 0);
  CHECK(side.all->refused().connections == 4);
  CHECK(side.all->refused().unanswered == 2);
  side.kept.pop_back();
  CHECK(side.status() == 503);
  CHECK(side.all->counted().connections == 1);
  counts none({.connections = 1, .answered_refusals = 0});
  none.status();
  CHECK(none.status() == 0);
}

TEST_CASE("admission: addresses that have left are forgotten once they may come again") {
  counts side({.new_connections_per_address = {.per_second = 1000, .burst = 1}});
  for (std::uint64_t i = 0; i != 100'000; ++i) {
    auto const verdict = side.admit(client_address{i, true}, std::chrono::milliseconds(i));
    CHECK(!verdict.refusal);
  }
  // They left at a time that is long ago for them: what is left is what nobody has looked at again.
  CHECK(side.all->counted().addresses <= 2048);
}

TEST_CASE("admission: threads at the limit never go over it, and leave nothing behind") {
  counts side({.connections = 10, .connections_per_address = 4, .answered_refusals = 3});
  std::atomic<bool> wrong{false};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t != 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<admission_verdict> mine;
      for (unsigned i = 0; i != 5000; ++i) {
        auto verdict = admission::admit(side.all, client_address{(i + t) % 4, false}, side.begin);
        if (verdict.seat && !verdict.refusal && i % 2 == 0) verdict.seat->opened();
        if (verdict.seat) mine.push_back(std::move(verdict));
        if (mine.size() > i % 6) mine.erase(mine.begin());
        auto const now = side.all->counted();
        if (now.connections > 10 || now.handshakes > now.connections || now.addresses > 4) wrong = true;
      }
    });
  }
  for (auto& each : threads) each.join();
  CHECK_FALSE(wrong);
  CHECK(side.all->counted().connections == 0);
  CHECK(side.all->counted().handshakes == 0);
  CHECK(side.all->counted().addresses == 0);
  CHECK(side.status() == 101);
}

}  // namespace admission_tests
