// Hubs are joined by Redis: the suite of every backplane, and what Redis adds to it.
#include <kindwire/hub/redis.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "backplane_suite.hpp"
#include "redis_server.hpp"

namespace redis_backplane_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

test::redis_server& shared_server() {
  static test::redis_server one;
  return one;
}

kw::redis_options quick() {
  kw::redis_options options;
  options.node_term = 5s;
  options.first_delay = 10ms;
  options.max_delay = 100ms;
  return options;
}

struct world {
  asio::io_context io;
  test::redis_server& server = shared_server();
  std::vector<std::unique_ptr<test::cut_proxy>> ways;

  world() { server.ask("FLUSHALL"); }
  std::unique_ptr<kw::backplane> make() {
    ways.push_back(std::make_unique<test::cut_proxy>(server.port()));
    std::string const url = "redis://127.0.0.1:" + std::to_string(ways.back()->port());
    return kw::redis_backplane{url, quick()}.make(io.get_executor());
  }
  void cut(std::size_t node) { ways[node]->cut(); }
  void mend(std::size_t node) { ways[node]->mend(); }
  void kill(std::size_t node) { ways[node]->cut(); }
  void forget() { server.ask("FLUSHALL"); }
};

static_assert(kw::backplane_maker<kw::redis_backplane>);

}  // namespace

TEST_CASE("backplane: the suite, over Redis") { test::backplane_suite<world>(); }

}  // namespace redis_backplane_tests
