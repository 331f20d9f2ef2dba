#include <kindwire/json/dynamic_dispatcher.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace dynamic_dispatcher_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct initial {
  static constexpr auto schema = kw::kind("INITIAL");
};
struct upload_progress {
  double value;
  static constexpr auto schema = kw::kind("UPLOAD_PROGRESS", kw::field("value", &upload_progress::value));
};
struct typed {
  static constexpr auto schema = kw::kind("TYPED", kw::key("type"));
};

using log_type = std::vector<std::string>;
using table = kw::dynamic_dispatcher<void(log_type&)>;

}  // namespace

TEST_CASE("handlers come and go while the program runs") {
  table on;
  log_type log;
  CHECK(on(R"({"kind":"INITIAL"})", log).error().code == json_errc::unknown_kind);
  CHECK(on.add([](initial, log_type& to) { to.push_back("initial"); }));
  CHECK(on.add("DRAW", [](kw::raw_message m, log_type& to) {
    to.push_back(std::string{m.kind} + std::string{m.text});
  }));
  CHECK(on.add<upload_progress>([](auto const& p, log_type& to) { to.push_back(std::to_string(p.value)); }));
  CHECK(on.kinds() == log_type{"INITIAL", "DRAW", "UPLOAD_PROGRESS"});
  CHECK(on(R"({"kind":"INITIAL"})", log));
  CHECK(on(R"({"x":1,"kind":"DRAW"})", log));
  CHECK(on(R"({"value":1,"kind":"UPLOAD_PROGRESS"})", log));
  CHECK(log == log_type{"initial", R"(DRAW{"x":1,"kind":"DRAW"})", std::to_string(1.0)});

  log.clear();
  CHECK(!on.add([](initial, log_type& to) { to.push_back("not this one"); }));
  CHECK(!on.add("DRAW", [](kw::raw_message, log_type& to) { to.push_back("nor this"); }));
  CHECK(on.replace("INITIAL", [](kw::raw_message, log_type& to) { to.push_back("replaced"); }));
  CHECK(!on.replace("NEW", [](kw::raw_message, log_type& to) { to.push_back("new"); }));
  CHECK(on.replace([](upload_progress, log_type& to) { to.push_back("progress"); }));
  CHECK(on(R"({"kind":"INITIAL"})", log));
  CHECK(on(R"({"kind":"NEW"})", log));
  CHECK(on(R"({"kind":"UPLOAD_PROGRESS","value":1})", log));
  CHECK(log == log_type{"replaced", "new", "progress"});
  CHECK(on.kinds() == log_type{"INITIAL", "DRAW", "UPLOAD_PROGRESS", "NEW"});

  CHECK(on.remove("DRAW"));
  CHECK(!on.remove("DRAW"));
  CHECK(on.remove<initial>());
  CHECK(on.kinds() == log_type{"UPLOAD_PROGRESS", "NEW"});
  CHECK(on(R"({"kind":"DRAW"})", log).error().code == json_errc::unknown_kind);
  CHECK(log.size() == 3);
}

TEST_CASE("an error knows the kinds of its time") {
  std::optional<kw::json_error> error;
  {
    table on;
    log_type log;
    on.add("PLUGIN_DRAW", [](kw::raw_message, log_type&) {});
    on.add([](upload_progress, log_type&) {});
    error = on(R"({"kind":"PLUGIN_DROW"})", log).error();
    on.remove("PLUGIN_DRAW");
    CHECK(on(R"({"kind":"PLUGIN_DROW"})", log).error().message() ==
          R"(unknown kind "PLUGIN_DROW"; known: "UPLOAD_PROGRESS")");
    CHECK(on(R"({"kind":"UPLOAD_PROGRESS","value":"x"})", log).error().path == "/value");
  }
  CHECK(error->message() == R"(unknown kind "PLUGIN_DROW"; did you mean "PLUGIN_DRAW"?)");
}

TEST_CASE("a raw handler gets well-formed messages only") {
  table on;
  log_type log;
  on.add("DRAW", [](kw::raw_message m, log_type& to) { to.emplace_back(m.kind); });
  auto const code = [&](std::string_view text) { return on(text, log).error().code; };
  CHECK(code(R"({"kind":"DRAW","x":01})") == json_errc::malformed);
  CHECK(code(R"({"x":01,"kind":"DRAW"})") == json_errc::malformed);
  CHECK(code(R"({"kind":"DRAW"}})") == json_errc::trailing_data);
  CHECK(code(R"({"kind":"DRAW","kind":"DRAW"})") == json_errc::duplicate_field);
  CHECK(code(R"({"x":1,"kind":"DRAW","\u006bind":"DRAW"})") == json_errc::duplicate_field);
  CHECK(code(R"({"\u006bind":"DRAW","x":1,"kind":"DRAW"})") == json_errc::duplicate_field);
  CHECK(code(R"({"x":1,"a\"kind":"DRAW"})") == json_errc::missing_kind);
  CHECK(code(R"({"a\"kind":"DRAW","x":1})") == json_errc::missing_kind);
  CHECK(log.empty());
  CHECK(on(R"({"a\"kind":"OTHER","kind":"DRAW"})", log));
  CHECK(on(R"({"kind":"D\u0052AW","\u0041":1})", log));
  CHECK(log == log_type{"DRAW", "DRAW"});
}

TEST_CASE("where a kind may stand twice, the policy says which counts, for raw handlers and fallbacks, too") {
  auto const kind = [](kw::duplicate_policy policy, std::string_view text) {
    kw::dynamic_dispatcher<std::string()> on{kw::json_options{.duplicates = policy}};
    on.add("A", [](kw::raw_message m) { return std::string{m.kind}; });
    on.add([](kw::unknown_message m) { return "unknown " + std::string{m.kind}; });
    auto outcome = on(text);
    return outcome ? *outcome : outcome.error().message();
  };
  using enum kw::duplicate_policy;
  for (std::string_view const text :
       {R"({"kind":"A","x":1,"kind":"B"})", R"({"x":1,"kind":"A","kind":"B"})"}) {
    CHECK(kind(first, text) == "A");
    CHECK(kind(last, text) == "unknown B");
    CHECK(kind(refuse, text) == R"(duplicate field "kind")");
  }
}

TEST_CASE("fallbacks can be set and taken away") {
  kw::dynamic_dispatcher<std::string()> on{kw::json_options{.refuse_unknown_fields = true}};
  on.add([](initial) { return "initial"; });
  CHECK(on.add([](kw::unknown_message m) { return "unknown " + std::string{m.kind}; }));
  CHECK(!on.add([](kw::unknown_message) { return "another"; }));
  CHECK(on.add([](kw::invalid_message const& m) { return m.error.message(); }));
  CHECK(*on(R"({"kind":"A","x":1})") == "unknown A");
  CHECK(*on(R"({"kind":"INITIAL","x":1})") == R"(unknown field "x")");
  CHECK(on.remove<kw::unknown_message>());
  CHECK(!on.remove<kw::unknown_message>());
  CHECK(*on(R"({"kind":"A"})") == R"(unknown kind "A"; known: "INITIAL")");
  CHECK(on.replace([](kw::invalid_message const&) { return "invalid"; }));
  CHECK(*on("") == "invalid");
  CHECK(on.remove<kw::invalid_message>());
  CHECK(on("").error().code == json_errc::truncated);
  CHECK(*on(R"({"kind":"INITIAL"})") == "initial");
}

TEST_CASE("a dispatcher with another key takes only what has that key") {
  kw::dynamic_dispatcher<int()> on{{}, "type"};
  CHECK(!on.add([](initial) { return 1; }));
  CHECK(on.add([](typed) { return 2; }));
  CHECK(on.add("RAW", [](kw::raw_message) { return 3; }));
  CHECK(on.key() == "type");
  CHECK(*on(R"({"type":"TYPED"})") == 2);
  CHECK(*on(R"({"kind":"TYPED","type":"RAW"})") == 3);
  CHECK(on(R"({"kind":"TYPED"})").error().code == json_errc::missing_kind);
}

TEST_CASE("a handler may remove and replace itself, and lives until it returns") {
  kw::dynamic_dispatcher<int()> on;
  auto const alive = std::make_shared<int>(7);
  on.add([&on, alive](initial) {
    on.remove<initial>();
    on.add([](initial) { return -1; });
    CHECK(*on(R"({"kind":"INITIAL"})") == -1);
    return *alive;
  });
  CHECK(alive.use_count() == 2);
  CHECK(*on(R"({"kind":"INITIAL"})") == 7);
  CHECK(alive.use_count() == 1);
  CHECK(*on(R"({"kind":"INITIAL"})") == -1);

  on.replace([&on, alive](initial) {
    on.replace([](initial) { return -2; });
    return *alive;
  });
  CHECK(*on(R"({"kind":"INITIAL"})") == 7);
  CHECK(*on(R"({"kind":"INITIAL"})") == -2);

  // A handler that calls back when it is destroyed finds nothing locked.
  std::shared_ptr<void> goodbye(nullptr, [&on](void*) { on.remove("INITIAL"); });
  on.add("LAST", [goodbye = std::move(goodbye)](kw::raw_message) { return 0; });
  CHECK(on.remove("LAST"));
  CHECK(on.kinds().empty());
}

TEST_CASE("what is held outlives its removal") {
  kw::dynamic_dispatcher<int()> on;
  auto const alive = std::make_shared<int>(7);
  on.add([alive](initial) { return *alive; });
  auto held = std::optional(on.hold());
  on.remove<initial>();
  CHECK(!on(R"({"kind":"INITIAL"})"));
  CHECK(alive.use_count() == 2);
  CHECK(*(*held)(R"({"kind":"INITIAL"})") == 7);
  CHECK(*held->apply([](int result) { return result + 1; }, R"({"kind":"INITIAL"})") == 8);
  held.reset();
  CHECK(alive.use_count() == 1);
}

TEST_CASE("a handler that finds no place, or loses it, may call back when it is destroyed") {
  using dispatcher = kw::dynamic_dispatcher<void()>;
  struct parting {
    dispatcher* on;
    int* calls;
    std::shared_ptr<void> once = std::make_shared<int>();
    parting(dispatcher* of, int* count) : on(of), calls(count) {}
    parting(parting&&) = default;
    ~parting() {
      if (!once) return;
      on->remove("B");
      on->remove<kw::unknown_message>();
      ++*calls;
    }
    void operator()(kw::raw_message) const {}
    void operator()(kw::unknown_message) const {}
  };
  int calls = 0;
  dispatcher on;
  on.add("A", [](kw::raw_message) {});
  CHECK(!on.add("A", parting(&on, &calls)));
  CHECK(calls == 1);
  CHECK(on.replace("A", parting(&on, &calls)));
  CHECK(on.replace("A", [](kw::raw_message) {}));
  CHECK(calls == 2);
}

TEST_CASE("handlers are exchanged while other threads dispatch") {
  kw::dynamic_dispatcher<int()> on;
  on.add([](kw::unknown_message) { return 0; });
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int index = 0; index < 3; ++index) {
    readers.emplace_back([&] {
      while (!done) {
        auto const outcome = on(R"({"kind":"A"})");
        if (!outcome || *outcome < 0 || *outcome > 1000) ++wrong;
      }
    });
  }
  for (int round = 1; round <= 1000; ++round) {
    on.replace("A", [value = std::make_unique<int>(round)](kw::raw_message) { return *value; });
    if (round % 3 == 0) on.remove("A");
    on.add("B" + std::to_string(round % 7), [](kw::raw_message) { return 1; });
  }
  done = true;
  for (auto& each : readers) each.join();
  CHECK(wrong == 0);
  CHECK(on.kinds().size() == 8);
}

}  // namespace dynamic_dispatcher_tests
