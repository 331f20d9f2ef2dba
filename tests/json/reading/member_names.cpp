#include <kindwire/json/reading/member_names.hpp>

#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>

namespace member_names_tests {

namespace kw = kindwire;
using kw::detail::member_names;

namespace {

struct node {
  int x = 0;
  std::vector<node> nodes;
  std::map<std::string, node> map;
  kw::raw_json raw{"0"};
  static constexpr auto schema = kw::kind(
      "NODE", kw::field("x", &node::x, kw::defaulted), kw::field("nodes", &node::nodes, kw::defaulted),
      kw::field("map", &node::map, kw::defaulted), kw::field("raw", &node::raw, kw::defaulted));
};

std::string refused(std::string const& text, kw::json_options options = {}) {
  auto const result = kw::decode<node>(text, options);
  return result ? "accepted" : result.error().message();
}

std::string quoted(std::string const& name, bool with_escape) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (char const letter : name) {
    auto const byte = static_cast<unsigned char>(letter);
    out += with_escape ? std::string{"\\u00"} + digits[byte >> 4] + digits[byte & 15] : std::string{letter};
  }
  return out + '"';
}

}  // namespace

TEST_CASE("a field that the type does not have, and that stands twice, is refused wherever that is") {
  CHECK(refused(R"({"kind":"NODE","a":1,"b":1})") == "accepted");
  CHECK(refused(R"({"kind":"NODE","a":1,"a":1})") == R"(duplicate field "a")");
  CHECK(refused(R"({"a":1,"x":1,"a":{},"kind":"NODE"})") == R"(duplicate field "a")");
  CHECK(refused(R"({"kind":"NODE","\u0061":1,"a":1})") == R"(duplicate field "a")");
  CHECK(refused(R"({"kind":"NODE","a":1,"\u0061":1})") == R"(duplicate field "a")");
  CHECK(refused(R"({"kind":"NODE","":1,"":1})") == R"(duplicate field "")");
  CHECK(refused(R"({"kind":"NODE","nodes":[{"kind":"NODE","a":1,"a":2}]})") ==
        R"(duplicate field "nodes/0/a")");
  CHECK(refused(R"({"kind":"NODE","map":{"b":{"kind":"NODE","a":1,"a":2}}})") ==
        R"(duplicate field "map/b/a")");
  // Each object has its own, and those of others begin anew behind it.
  CHECK(refused(R"({"kind":"NODE","a":1,"nodes":[{"kind":"NODE","a":1},{"kind":"NODE","a":1}],"b":1})") ==
        "accepted");
  CHECK(refused(R"({"kind":"NODE","a":1,"nodes":[{"kind":"NODE","b":1}],"a":1})") ==
        R"(duplicate field "a")");
  // What is not read is not looked into.
  CHECK(refused(R"({"kind":"NODE","a":{"b":1,"b":1},"raw":{"b":1,"b":1}})") == "accepted");
  CHECK(refused(R"({"kind":"NODE","a":1,"a":1})", {.duplicates = kw::duplicate_policy::first}) == "accepted");
  CHECK(refused(R"({"kind":"NODE","a":1,"a":1})", {.duplicates = kw::duplicate_policy::last}) == "accepted");
  kw::json_options const strict{.refuse_unknown_fields = true, .id_name = "id"};
  CHECK(refused(R"({"kind":"NODE","id":1})", strict) == "accepted");
  CHECK(refused(R"({"kind":"NODE","id":1,"id":2})", strict) == R"(duplicate field "id")");
}

TEST_CASE("so is one in a message of an unknown kind") {
  kw::dispatcher const on{[](node const&) {}, [](kw::unknown_message) {}};
  kw::dynamic_dispatcher<void()> at_run_time;
  at_run_time.add("LEAF", [](kw::raw_message) {});
  CHECK(on(R"({"kind":"LEAF","a":1,"b":1})"));
  CHECK(at_run_time(R"({"kind":"LEAF","a":1,"b":1})"));
  for (std::string const text : {R"({"kind":"LEAF","a":1,"a":1})", R"({"a":1,"kind":"LEAF","\u0061":1})",
                                 R"({"a":1,"a":1,"kind":"LEAF"})"}) {
    CHECK(on(text).error().message() == R"(duplicate field "a")");
    CHECK(at_run_time(text).error().message() == R"(duplicate field "a")");
  }
}

TEST_CASE("one of many names that stands twice is found, and the first such in the text is reported") {
  for (std::size_t const count : {2U, 15U, 16U, 17U, 18U, 33U, 200U}) {
    for (std::size_t again = 0; again < count; again += count < 20 ? 1 : 7) {
      for (bool const escape : {false, true}) {
        std::string text = R"({"kind":"NODE")";
        for (std::size_t index = 0; index != count; ++index) text += ",\"n" + std::to_string(index) + "\":[]";
        CHECK(refused(text + '}') == "accepted");
        std::string const name = "n" + std::to_string(again);
        std::size_t const where = text.size() + 1;
        text += ',' + quoted(name, escape) + ":0,\"n0\":0}";
        auto const result = kw::decode<node>(text);
        REQUIRE(!result);
        CHECK(result.error().code == kw::json_errc::duplicate_field);
        CHECK(result.error().path == '/' + name);
        CHECK(result.error().offset == where);
      }
    }
  }
}

TEST_CASE("names that are found to be there twice are those that are, whatever is read meanwhile") {
  std::mt19937 random{3};
  int refusals = 0;
  // An object with some unknown fields and objects among them; whether a name stands twice in one.
  auto const write = [&](auto const& self, std::string& out, unsigned depth) -> bool {
    bool twice = false;
    std::map<std::string, int> names;
    auto const kinds = 1 + random() % 3000;
    std::string nodes;
    out += R"({"kind":"NODE")";
    for (auto left = random() % (random() % 4 == 0 ? 60 : 8); left != 0; --left) {
      std::string const name = std::string(random() % 2 * 20, 'x') + std::to_string(random() % kinds);
      twice |= ++names[name] == 2;
      out += ',' + quoted(name, random() % 4 == 0) + ":0";
      if (left == 3 && depth != 0) {
        out += R"(,"nodes":[)";
        for (auto more = random() % 4; more != 0; --more) {
          twice |= self(self, out, depth - 1);
          out += more == 1 ? "" : ",";
        }
        out += ']';
      }
    }
    out += '}';
    return twice;
  };
  for (int round = 0; round != 3000; ++round) {
    std::string text;
    bool const twice = write(write, text, 4);
    CAPTURE(text);
    auto const result = kw::decode<node>(text);
    REQUIRE(static_cast<bool>(result) != twice);
    if (!result) REQUIRE(result.error().code == kw::json_errc::duplicate_field);
    refusals += twice ? 1 : 0;
  }
  CHECK(refusals > 300);
  CHECK(refusals < 2700);
}

TEST_CASE("the names of an object are forgotten at its end") {
  std::string const text = R"("a")";
  member_names names;
  std::string many;
  for (int index = 0; index != 100; ++index) many += "\"" + std::to_string(100 + index) + "\"";
  for (int round = 0; round != 3; ++round) {
    CHECK(names.add("a", text.data(), true, 0));
    CHECK(!names.add("a", text.data(), true, 1));
    for (std::size_t index = 0; index != 100; ++index) {
      CHECK(names.add({many.data() + 5 * index + 1, 3}, many.data() + 5 * index, true, index));
    }
    CHECK(names.leave(100) == nullptr);
    CHECK(names.leave(1) == nullptr);
  }
}

TEST_CASE("what many names were kept in serves the next message, without what was in it") {
  std::string text;
  for (int index = 0; index != 3000; ++index) text += "\"" + std::to_string(1000 + index) + "\"";
  auto const add_all = [&](member_names& names, std::size_t count) {
    for (std::size_t index = 0; index != count; ++index) {
      char const* const where = text.data() + 6 * index;
      // Every fourth is decoded elsewhere.
      if (index % 4 == 0) {
        std::string const decoded{where + 1, 4};
        REQUIRE(names.add(decoded, where, false, index));
      } else {
        REQUIRE(names.add({where + 1, 4}, where, true, index));
      }
    }
  };

  member_names::memory kept;
  member_names::tidy(kept);  // there may be none
  CHECK(kept == nullptr);
  void const* block = nullptr;
  for (int round = 0; round != 3; ++round) {
    member_names names;
    names.swap_memory(kept);
    CHECK(kept == nullptr);
    add_all(names, 200);
    CHECK(names.leave(200) == nullptr);
    names.swap_memory(kept);
    REQUIRE(kept != nullptr);
    CHECK(!kept->decoded.empty());
    member_names::tidy(kept);
    REQUIRE(kept != nullptr);
    CHECK(kept->decoded.empty());
    CHECK(kept->many.empty());
    CHECK(kept->many.capacity() >= 200);
    if (round == 0) block = kept->many.data();
    CHECK(kept->many.data() == block);
  }

  // What one message of very many has taken is not held for good.
  member_names names;
  names.swap_memory(kept);
  add_all(names, 3000);
  CHECK(names.leave(3000) == nullptr);
  names.swap_memory(kept);
  REQUIRE(kept != nullptr);
  member_names::tidy(kept);
  CHECK(kept == nullptr);
}

}  // namespace member_names_tests
