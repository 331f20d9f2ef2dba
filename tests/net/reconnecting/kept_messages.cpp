#include <kindwire/net/reconnecting/kept_messages.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kept_messages_tests {

namespace kw = kindwire;
using kw::net::detail::kept_messages;
using words = std::vector<std::string>;

namespace {

kept_messages::copy text(std::string_view what, std::string key = {}) {
  return {{kw::message_type::text, kw::detail::as_bytes(what)}, std::move(key)};
}

// Gives all that waits to a connection which sends each with its size in bytes, from `begin` on.
words hand(kept_messages& from, std::uint64_t begin = 0) {
  words given;
  while (from.any_waits()) {
    given.emplace_back(from.first().text());
    begin += from.first().size();
    from.first_handed(begin);
  }
  return given;
}

}  // namespace

TEST_CASE("kept: in order, up to the limit, with what each costs") {
  kept_messages kept(2 * kept_messages::overhead + 5, false);
  CHECK(kept.wait(text("one")));
  CHECK(!kept.wait(text("two")));
  CHECK(kept.wait(text("to")));
  CHECK(!kept.wait(text("")));
  CHECK(kept.count() == 2);
  CHECK(kept.bytes() == 2 * kept_messages::overhead + 5);
  CHECK(hand(kept) == words{"one", "to"});
  CHECK(!kept.wait(text("x")));
  kept.taken(3);
  CHECK(kept.wait(text("x")));
  kept.taken(5);
  CHECK(kept.count() == 1);
  CHECK(kept.dropped() == 0);
}

TEST_CASE("kept: what a connection had not taken whole is the next one's, before what came later") {
  kept_messages kept(10'000, false);
  kept.handed(text("abc"), 3);
  kept.handed(text("def"), 6);
  kept.handed(text("ghi"), 9);
  kept.taken(5);
  kept.take_back();
  CHECK(kept.wait(text("later")));
  CHECK(hand(kept) == words{"def", "ghi", "later"});
  kept.take_back();
  CHECK(hand(kept) == words{"def", "ghi", "later"});
  kept.taken(11);
  CHECK(kept.count() == 0);
  CHECK(kept.bytes() == 0);
  kept.take_back();
  CHECK(!kept.any_waits());
}

TEST_CASE("kept: the latest of each key, in the place of the newer one") {
  kept_messages kept(10'000, true);
  CHECK(kept.wait(text("a1", "a")));
  CHECK(kept.wait(text("b1", "b")));
  CHECK(kept.wait(text("a2", "a")));
  CHECK(kept.wait(text("c1", "c")));
  CHECK(kept.wait(text("c2", "c")));
  CHECK(kept.count() == 3);
  CHECK(kept.dropped() == 2);
  CHECK(kept.bytes() == 3 * (kept_messages::overhead + 3));
  CHECK(hand(kept) == words{"b1", "a2", "c2"});
  // What was handed is no longer replaced, unless it comes back.
  CHECK(kept.wait(text("a3", "a")));
  CHECK(kept.count() == 4);
  CHECK(hand(kept, 6) == words{"a3"});
  kept.handed(text("b2", "b"), 10);
  kept.taken(2);
  kept.take_back();
  CHECK(hand(kept) == words{"c2", "a3", "b2"});
  CHECK(kept.dropped() == 3);
}

TEST_CASE("kept: newer ones that wait replace those that come back") {
  kept_messages kept(10'000, true);
  kept.handed(text("a1", "a"), 2);
  kept.handed(text("a2", "a"), 4);
  kept.handed(text("b1", "b"), 6);
  CHECK(kept.wait(text("b2", "b")));
  kept.take_back();
  CHECK(hand(kept) == words{"a2", "b2"});
  CHECK(kept.dropped() == 2);
}

TEST_CASE("kept: a replacement that does not fit leaves the older one") {
  kept_messages kept(kept_messages::overhead + 4, true);
  CHECK(kept.wait(text("abc", "k")));
  CHECK(!kept.wait(text("abcd", "k")));
  CHECK(kept.wait(text("xyz", "k")));
  CHECK(hand(kept) == words{"xyz"});
}

}  // namespace kept_messages_tests
