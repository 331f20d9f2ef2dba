// Hubs of one program are joined by a backplane in memory.
#include <kindwire/hub/memory_backplane.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <cstddef>
#include <memory>

#include "backplane_suite.hpp"

namespace memory_backplane_tests {

namespace kw = kindwire;

namespace {

struct world {
  asio::io_context io;
  kw::memory_backplane bus;

  std::unique_ptr<kw::backplane> make() { return bus.make(io.get_executor()); }
  void cut(std::size_t node) { bus.cut(node); }
  void mend(std::size_t node) { bus.mend(node); }
  void kill(std::size_t node) { bus.kill(node); }
  void forget() { bus.forget(); }
};

static_assert(kw::backplane_maker<kw::memory_backplane>);

}  // namespace

TEST_CASE("backplane: the suite, in memory") { test::backplane_suite<world>(); }

TEST_CASE("backplane: a node that tells nothing for long catches up, at a bounded cost") {
  world at;
  test::plane_side ann(at), bob(at);
  asio::io_context slow;
  auto ears = std::make_shared<test::heard>();
  auto const late = at.bus.make(slow.get_executor());
  late->start(ears);
  late->subscribe("a", test::ten_messages);
  test::subscribe(at, ann, "a", test::ten_messages);
  std::string const megabyte(std::size_t{1} << 20, 'm');
  for (int i = 0; i != 100; ++i) {
    ann.say("a", megabyte, test::ten_messages);
    at.io.restart();
    at.io.poll();
  }
  CHECK(ann["a"].texts.size() == 100);
  slow.run();
  CHECK(ears->topics["a"].last == 100);
  CHECK(ears->topics["a"].texts.size() == 10);
  CHECK(ears->mistakes().empty());
}

}  // namespace memory_backplane_tests
