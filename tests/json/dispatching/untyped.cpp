#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dispatching/untyped.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace untyped_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct progress {
  double value = 0;
  static constexpr auto schema = kw::kind("PROGRESS", kw::field("value", &progress::value));
};

using log_type = std::vector<std::string>;

std::string shown(kw::raw_message m) { return std::string{m.kind} + ' ' + std::string{m.text}; }

}  // namespace

TEST_CASE("on_kind: a handler of texts stands beside typed ones") {
  kw::dispatcher const on{
      kw::on_kind("RAW", &shown), [](progress const&) { return std::string{"typed"}; },
      kw::on_kind("R\"W", [](kw::raw_message m) { return "quoted " + std::string{m.kind}; }),
      kw::on_unknown_kind([](kw::raw_message m) { return "unknown " + shown(m); })};
  CHECK(*on(R"({"kind":"RAW","a":1})") == R"(RAW {"kind":"RAW","a":1})");
  CHECK(*on(R"({"a":1,"kind":"RAW"})") == R"(RAW {"a":1,"kind":"RAW"})");
  CHECK(*on(R"({"a":"\n","kind":"R\u0041W","\u0062":2})") ==
        R"(RAW {"a":"\n","kind":"R\u0041W","\u0062":2})");
  CHECK(*on(R"({"kind":"R\"W"})") == "quoted R\"W");
  CHECK(*on(R"({"kind":"PROGRESS","value":1})") == "typed");
  CHECK(*on(R"({"kind":"X","a":{"kind":"RAW"}})") == R"(unknown X {"kind":"X","a":{"kind":"RAW"}})");
  CHECK(on(R"({"kind":"RAW","a":1,"a":2})").error().path == "/a");
  CHECK(on(R"({"kind":"RAW"})"
           "\n]")
            .error()
            .code == json_errc::trailing_data);
  CHECK(on(R"({"kind":"RAW","kind":"RAW"})").error().path == "/kind");
}

TEST_CASE("on_kind: handlers with state are called as what they are") {
  kw::dispatcher on{kw::on_kind("NEXT", [count = 0](kw::raw_message) mutable { return ++count; })};
  CHECK(*on(R"({"kind":"NEXT"})") == 1);
  CHECK(*on(R"({"kind":"NEXT"})") == 2);
  kw::dispatcher const with_options{kw::json_options{.refuse_unknown_fields = true},
                                    kw::on_kind("RAW", [](kw::raw_message, int n) { return n; })};
  CHECK(*with_options(R"({"kind":"RAW","any":1})", 7) == 7);
  CHECK(*with_options.apply([](int n) { return n + 1; }, R"({"kind":"RAW"})", 7) == 8);
}

TEST_CASE("on_kind: a constant dispatcher, checked when it is compiled") {
  static constexpr kw::dispatcher on{[](progress const&) { return 1; },
                                     kw::on_kind("A", [](kw::raw_message) { return 2; }),
                                     kw::on_kind("B", [](kw::raw_message) { return 3; })};
  static_assert(on.kinds().size() == 3);
  CHECK(*on(R"({"kind":"B"})") == 3);
  CHECK(std::vector<std::string>(on.kinds().begin(), on.kinds().end()) == log_type{"PROGRESS", "A", "B"});
}

TEST_CASE("on_kind: an error knows all kinds, also when the dispatcher is gone") {
  std::optional<kw::json_error> error;
  {
    kw::dispatcher const on{kw::on_kind("PLUGIN_DRAW", [](kw::raw_message) {}), [](progress const&) {}};
    error = on(R"({"kind":"PLUGIN_DROW"})").error();
  }
  CHECK(error->message() == R"(unknown kind "PLUGIN_DROW"; did you mean "PLUGIN_DRAW"?)");
  CHECK(error->known.size() == 2);
}

TEST_CASE("on_kind: many kinds are found, and no others") {
  kw::dispatcher const on{kw::on_kind("A", [](kw::raw_message) { return 0; }),
                          kw::on_kind("AA", [](kw::raw_message) { return 1; }),
                          kw::on_kind("AAAAAAAA", [](kw::raw_message) { return 2; }),
                          kw::on_kind("AAAAAAAAA", [](kw::raw_message) { return 3; }),
                          kw::on_kind("AAAAAAAABAAAAAAAA", [](kw::raw_message) { return 4; }),
                          kw::on_kind("AAAAAAAACAAAAAAAA", [](kw::raw_message) { return 5; }),
                          kw::on_kind("\xC3\xA9", [](kw::raw_message) { return 6; })};
  int index = 0;
  for (std::string const kind :
       {"A", "AA", "AAAAAAAA", "AAAAAAAAA", "AAAAAAAABAAAAAAAA", "AAAAAAAACAAAAAAAA", "\xC3\xA9"})
    CHECK(*on(R"({"kind":")" + kind + "\"}") == index++);
  for (std::string const kind : {"", "a", "AAA", "AAAAAAAADAAAAAAAA", "\xC3\xA8"})
    CHECK(on(R"({"kind":")" + kind + "\"}").error().code == json_errc::unknown_kind);
}

#if defined(__cpp_exceptions)
TEST_CASE("on_kind: a kind that another handler takes is refused") {
  CHECK_THROWS_WITH_AS((kw::dispatcher{[](progress) {}, kw::on_kind("PROGRESS", [](kw::raw_message) {})}),
                       R"(kindwire: two handlers take the same kind: "PROGRESS")", std::invalid_argument);
  CHECK_THROWS_AS(
      (kw::dispatcher{kw::on_kind("A", [](kw::raw_message) {}), kw::on_kind("B", [](kw::raw_message) {}),
                      kw::on_kind("A", [](kw::raw_message) {})}),
      std::invalid_argument);
}
#endif

TEST_CASE("on_kind: a dynamic dispatcher takes such handlers, too") {
  kw::dynamic_dispatcher<std::string()> on;
  CHECK(on.add(kw::on_kind("RAW", &shown)));
  CHECK(!on.add(kw::on_kind("RAW", &shown)));
  CHECK(on.add(kw::on_unknown_kind([](kw::raw_message m) { return "unknown " + shown(m); })));
  CHECK(!on.add([](kw::unknown_message) { return std::string{}; }));
  CHECK(on.add("GENERIC", [](auto const& m) { return "generic " + std::string{m.kind}; }));
  CHECK(*on(R"({"kind":"RAW"})") == R"(RAW {"kind":"RAW"})");
  CHECK(*on(R"({"kind":"X"})") == R"(unknown X {"kind":"X"})");
  CHECK(*on(R"({"kind":"GENERIC"})") == "generic GENERIC");
  CHECK(on.remove<kw::unknown_message>());
  CHECK(on.replace(kw::on_kind("RAW", [](kw::raw_message) { return std::string{"new"}; })));
  CHECK(*on(R"({"kind":"RAW"})") == "new");
  CHECK(on(R"({"kind":"X"})").error().code == json_errc::unknown_kind);
}

}  // namespace untyped_tests
