// What is told about a topic, whatever order messages and snapshots come in.
#include <kindwire/hub/redis/topic.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../backplane_sides.hpp"

namespace redis_topic_tests {

namespace kw = kindwire;
using kw::detail::redis_topic;
using test::strings;
using wants = redis_topic::wants;

namespace {

struct talk {
  redis_topic topic;
  test::heard ears;

  auto teller() {
    return [this](auto&& function) { function(ears, "a"); };
  }
  wants message(std::string_view bytes) { return topic.take_message(bytes, teller()); }
  // Of epoch e, with messages up to `last`, of which the latest are kept.
  wants snapshot(std::uint64_t last, strings const& kept, std::uint64_t version = 0,
                 std::vector<kw::backplane::record> records = {}) {
    kw::detail::redis_snapshot now;
    now.topic.epoch = "e";
    now.topic.last = last;
    now.version = version;
    std::uint64_t number = last - kept.size();
    for (auto const& each : kept) {
      now.topic.kept.push_back({++number, each});
      now.origins.push_back({"n", number});
    }
    now.topic.records = std::move(records);
    return topic.take_snapshot(std::move(now), "self", teller());
  }
  strings const& texts() { return ears["a"].texts; }
};

}  // namespace

TEST_CASE("redis topic: messages wait for the snapshot, which says which of them are new") {
  talk at;
  for (auto const each : {"Le 1 n 1 one", "Uplain", "Le 2 n 2 two", "Le 3 n 3 three"})
    CHECK(at.message(each) == wants::nothing);
  CHECK(at.texts().empty());
  CHECK(at.snapshot(2, {"one", "two"}) == wants::nothing);
  CHECK(at.texts() == strings{"one", "two", "plain", "three"});
  CHECK(at.message("Le 4 n 4 four") == wants::nothing);
  CHECK(at.message("Le 4 n 4 four") == wants::nothing);
  CHECK(at.texts().back() == "four");
  CHECK(at.texts().size() == 5);
}

TEST_CASE("redis topic: a gap is closed by another snapshot, and nothing is told until then") {
  talk at;
  at.snapshot(1, {"one"});
  CHECK(at.message("Le 3 n 3 three") == wants::snapshot);
  CHECK(at.message("Le 4 n 4 four") == wants::nothing);
  CHECK(at.texts() == strings{"one"});
  CHECK(at.snapshot(3, {"one", "two", "three"}) == wants::nothing);
  CHECK(at.texts() == strings{"one", "two", "three", "four"});
}

TEST_CASE("redis topic: what comes while a snapshot is asked for again is told, also if the log forgets it") {
  talk at;
  CHECK(at.message("Ubefore all") == wants::nothing);
  at.snapshot(1, {"one"}, 5);
  at.topic.lose();
  for (auto const each :
       {"Le 2 n 2 two", "Uplain", "H5 6 other 3 annhere", "Le 3 n 3 three", "Le 4 n 4 four"})
    CHECK(at.message(each) == wants::nothing);
  CHECK(at.snapshot(3, {"three"}, 6, {{"other", "ann", "here"}}) == wants::nothing);
  CHECK(at.texts() == strings{"one", "before all", "two", "plain", "three", "four"});
  at.topic.disconnect();
  CHECK_FALSE(at.topic.has_records_of("other"));
  at.message("Le 5 n 5 five");
  at.snapshot(6, {"six"});
  CHECK(at.texts().back() == "six");
  CHECK(at.texts().size() == 7);
  CHECK(at.ears.mistakes().empty());
}

TEST_CASE("redis topic: a message of another epoch asks for one snapshot, also if it waited") {
  talk at;
  at.message("Lold 7 n 7 seven");
  at.message("Lold 8 n 8 eight");
  CHECK(at.snapshot(0, {}) == wants::snapshot);
  CHECK(at.snapshot(0, {}) == wants::nothing);
  CHECK(at.message("Lnew 1 n 1 one") == wants::snapshot);
  CHECK(at.texts().empty());
}

TEST_CASE(
    "redis topic: what its node has published again with another number is marked, and not told again") {
  talk at;
  at.snapshot(1, {"one"});
  at.message("Le 2 n 2 two");
  at.topic.disconnect();
  CHECK(at.snapshot(1000002, {}) == wants::nothing);
  CHECK(at.message("Le 1000003 n 2 two") == wants::snapshot);
  at.message("Le 1000004 n 3 three");
  CHECK(at.texts() == strings{"one", "two"});
  kw::detail::redis_snapshot now;
  now.topic.epoch = "e";
  now.topic.last = 1000004;
  now.topic.kept = {{1, "one"}, {1000003, "two"}, {1000004, "three"}};
  now.origins = {{"n", 1}, {"n", 2}, {"n", 3}};
  CHECK(at.topic.take_snapshot(now, "self", at.teller()) == wants::nothing);
  CHECK(at.texts() == strings{"one", "two", "three"});
  CHECK(at.message("Le 1000005 m 1 another node's") == wants::nothing);
  // In another epoch as well.
  now.topic.epoch = "f";
  now.topic.last = 2;
  now.topic.kept = {{1, "three"}, {2, "four"}};
  now.origins = {{"n", 3}, {"n", 4}};
  CHECK(at.topic.take_snapshot(now, "self", at.teller()) == wants::nothing);
  CHECK(at.texts() == strings{"one", "two", "three", "another node's", "four"});
  CHECK(at.ears.mistakes().empty());
}

TEST_CASE("redis topic: records change by their versions, once") {
  talk at;
  at.message("H0 5 other 3 anntoo old");
  at.message("H5 6 other 3 annhere");
  CHECK(at.snapshot(0, {}, 5, {{"other", "ann", "too old"}, {"self", "me", ""}}) == wants::nothing);
  CHECK(at.ears.events == strings{"held a ann=here"});
  CHECK(at.ears["a"].people.at("/me").empty());
  CHECK(at.message("H6 7 other 3 annhere") == wants::nothing);  // the same again
  CHECK(at.message("R7 8 other 3 ann") == wants::nothing);
  CHECK(at.message("R8 9 other 3 ann") == wants::nothing);
  CHECK(at.ears.events == strings{"held a ann=here", "released a ann"});
  CHECK(at.message("H10 11 other 3 bobhere") == wants::snapshot);
  CHECK(at.snapshot(0, {}, 11, {{"other", "bob", "here"}}) == wants::nothing);
  CHECK(at.topic.has_records_of("other"));
  CHECK_FALSE(at.topic.has_records_of("othe"));
  CHECK_FALSE(at.topic.has_records_of("self"));
  at.topic.forget_records_of("other");
  CHECK_FALSE(at.topic.has_records_of("other"));
  CHECK(at.message("R11 12 other 3 bob") == wants::nothing);
  CHECK(at.ears.events.size() == 2);
}

TEST_CASE("redis topic: what is not of ours is ignored") {
  talk at;
  at.snapshot(0, {});
  for (auto const each : {"", "X", "L", "Le", "Le ", "Le 1", "Lx y z", "H1 2 n 99 short", "H1 2", "Rx"})
    CHECK(at.message(each) == wants::nothing);
  CHECK(at.texts().empty());
  CHECK(at.ears.events.empty());
}

TEST_CASE("redis topic: what waits for a snapshot is bounded, and asks for another") {
  talk at;
  std::string const megabyte(std::size_t{1} << 20, 'm');
  for (int i = 1; i != 40; ++i)
    at.message("Le " + std::to_string(i) + " n " + std::to_string(i) + ' ' + megabyte);
  CHECK(at.snapshot(0, {}) == wants::snapshot);
  CHECK(at.texts().size() < 17);
  CHECK(at.snapshot(39, {"last"}) == wants::nothing);
  CHECK(at.texts().back() == "last");
  CHECK(at.ears.mistakes().empty());
}

}  // namespace redis_topic_tests
