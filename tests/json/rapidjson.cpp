#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>
#include <kindwire/json/rapidjson.hpp>

#include <atomic>
#include <cmath>
#include <coroutine>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace rapidjson_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct progress {
  double value = 0;
  static constexpr auto schema = kw::kind("PROGRESS", kw::field("value", &progress::value));
};

std::string text_of(rapidjson::Value const& value) { return *kw::to_json(value); }

using log_type = std::vector<std::string>;

void take_function(rapidjson::Value const& whole, log_type& log) {
  log.push_back("function " + text_of(whole));
}

// A coroutine that waits until it is destroyed.
struct job {
  struct promise_type {
    std::string* out = nullptr;
    job get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> handle;
};

kw::json_error error_of(std::string_view text, kw::json_options options = {}) {
  int calls = 0;
  kw::dispatcher const on{options, kw::on_kind("LEGACY", [&](rapidjson::Value const&) { ++calls; })};
  auto const outcome = on(text);
  CHECK(calls == 0);
  REQUIRE(!outcome);
  // The same as of a document of one's own, but for the path, which begins at the message.
  auto const alone = kw::decode<rapidjson::Document>(text, options);
  if (!alone) CHECK(alone.error().code == outcome.error().code);
  return outcome.error();
}

}  // namespace

TEST_CASE("rapidjson: typed and untyped handlers stand side by side") {
  kw::dispatcher const on{
      [](progress const& p, log_type& log) {
        log.push_back("progress " + std::to_string(static_cast<int>(p.value)));
      },
      kw::on_kind("LEGACY", [](rapidjson::Value const& whole,
                               log_type& log) { log.push_back("legacy " + text_of(whole)); }),
      kw::on_kind("KEPT",
                  [](rapidjson::Document whole, log_type& log) { log.push_back("kept " + text_of(whole)); }),
      kw::on_kind("RAW",
                  [](kw::raw_message m, log_type& log) {
                    log.push_back("raw " + std::string{m.kind} + ' ' + std::string{m.text});
                  }),
      kw::on_kind("FUNCTION", &take_function),
      kw::on_unknown_kind(
          [](rapidjson::Value const& whole, log_type& log) { log.push_back("unknown " + text_of(whole)); }),
  };
  log_type log;
  for (auto const text :
       {R"({"kind":"PROGRESS","value":42})", R"({"kind":"LEGACY","a":[1,2.5,"x",null,true]})",
        R"({"a":{"kind":"RAW"},"kind":"KEPT"})", R"({"a":1, "kind": "RAW" })",
        R"({"\u006bind":"LEG\u0041CY"})", R"({"kind":"FUNCTION"})", R"({"x":1,"kind":"OTHER","y":2})",
        R"({"x":{"kind":"LEGACY"},"kind":"OTHER"})"})
    CHECK(on(text, log));
  CHECK(log == log_type{"progress 42", R"(legacy {"kind":"LEGACY","a":[1,2.5,"x",null,true]})",
                        R"(kept {"a":{"kind":"RAW"},"kind":"KEPT"})", R"(raw RAW {"a":1, "kind": "RAW" })",
                        R"(legacy {"kind":"LEGACY"})", R"(function {"kind":"FUNCTION"})",
                        R"(unknown {"x":1,"kind":"OTHER","y":2})",
                        R"(unknown {"x":{"kind":"LEGACY"},"kind":"OTHER"})"});
  CHECK(log_type(on.kinds().begin(), on.kinds().end()) ==
        log_type{"PROGRESS", "LEGACY", "KEPT", "RAW", "FUNCTION"});
}

TEST_CASE("rapidjson: an unknown kind is told with all that are known") {
  std::optional<kw::json_error> error;
  {
    kw::dispatcher const on{[](progress) {}, kw::on_kind("LEGACY", [](rapidjson::Value const&) {})};
    error = on(R"({"kind":"LEGACI"})").error();
  }
  CHECK(error->message() == R"(unknown kind "LEGACI"; did you mean "LEGACY"?)");
  error->found = "far from all";
  CHECK(error->message() == R"(unknown kind "far from all"; known: "PROGRESS", "LEGACY")");
}

TEST_CASE("rapidjson: an invalid message goes to its handler") {
  std::string seen;
  kw::dispatcher const on{kw::on_kind("LEGACY", [](rapidjson::Value const&) {}), [&](kw::invalid_message m) {
                            seen = m.error.message() + " in " + std::string{m.text};
                          }};
  CHECK(on(R"({"kind":"LEGACY","a":-})"));
  CHECK(seen ==
        R"(field "a": malformed JSON at byte 22: expected a digit, found '}' in {"kind":"LEGACY","a":-})");
  rapidjson::Document document;
  document.SetDouble(std::numeric_limits<double>::infinity());
  CHECK(on(document));
  CHECK(seen == "number that is not finite in ");
}

TEST_CASE("rapidjson: kinds of a dynamic dispatcher take documents, too") {
  kw::dynamic_dispatcher<void(log_type&)> on;
  log_type log;
  CHECK(on.add("LEGACY",
               [](rapidjson::Value const& whole, log_type& to) { to.push_back("value " + text_of(whole)); }));
  CHECK(on.add(kw::on_kind(
      "KEPT", [](rapidjson::Document whole, log_type& to) { to.push_back("document " + text_of(whole)); })));
  CHECK(!on.add(kw::on_kind("KEPT", [](kw::raw_message, log_type&) {})));
  CHECK(on.add(kw::on_unknown_kind(
      [](rapidjson::Value const& whole, log_type& to) { to.push_back("unknown " + text_of(whole)); })));
  CHECK(!on.add([](kw::unknown_message, log_type&) {}));
  CHECK(on(R"({"kind":"LEGACY","a":1})", log));
  CHECK(on(R"({"a":1,"kind":"KEPT"})", log));
  CHECK(on(R"({"kind":"OTHER"})", log));
  CHECK(on(R"({"kind":"LEGACY","a":{"b":1,"b":2}})", log).error().path == "/a/b");
  rapidjson::Document document;
  document.Parse(R"({"a":2,"kind":"LEGACY"})");
  CHECK(on(document, log));
  CHECK(on.apply([] { return true; }, document, log));
  CHECK(log == log_type{R"(value {"kind":"LEGACY","a":1})", R"(document {"a":1,"kind":"KEPT"})",
                        R"(unknown {"kind":"OTHER"})", R"(value {"a":2,"kind":"LEGACY"})",
                        R"(value {"a":2,"kind":"LEGACY"})"});
  CHECK(on.replace(kw::on_kind("LEGACY", [](kw::raw_message m, log_type& to) { to.emplace_back(m.text); })));
  CHECK(on.replace(kw::on_unknown_kind([](kw::raw_message m, log_type& to) { to.emplace_back(m.kind); })));
  log.clear();
  CHECK(on(document, log));
  CHECK(on(R"({"kind":"OTHER"})", log));
  CHECK(log == log_type{R"({"a":2,"kind":"LEGACY"})", "OTHER"});

  // A kind that is empty is one; none is none.
  CHECK(on.add("", [](rapidjson::Value const&, log_type& to) { to.push_back("empty"); }));
  CHECK(on(R"({"kind":""})", log));
  CHECK(on(R"({"b\"kind":""})", log).error().code == json_errc::missing_kind);
  CHECK(log.back() == "empty");
}

TEST_CASE("rapidjson: a document that was moved from is read into again") {
  rapidjson::Document document;
  document.Parse("[1]");
  rapidjson::Document const other = std::move(document);
  kw::json_reader reader{"[2]"};
  CHECK(reader.read(document));
  CHECK(text_of(document) == "[2]");
  CHECK(text_of(other) == "[1]");
}

TEST_CASE("rapidjson: a coroutine gets its own document, and none that would look at a text that is gone") {
  kw::dynamic_dispatcher<job()> on;
  CHECK(on.add("KEPT", [](rapidjson::Document) -> job { co_return; }));
  CHECK(on.add("RAW", [](kw::raw_message) -> job { co_return; }));
  CHECK(on.add([](progress) -> job { co_return; }));
  rapidjson::Document document;
  for (auto const text : {R"({"kind":"KEPT"})", R"({"kind":"PROGRESS","value":1})"}) {
    document.Parse(text);
    auto const made = on(document);
    REQUIRE(made);
    made->handle.destroy();
  }
  document.Parse(R"({"kind":"RAW"})");
  CHECK(on(document).error().code == json_errc::rejected);
  auto const made = on(R"({"kind":"RAW"})");
  REQUIRE(made);
  made->handle.destroy();
  CHECK(on(R"({"kind":"R\u0041W"})").error().code == json_errc::escaped_string);
  CHECK(on.add("ANY", [](auto) -> job { co_return; }));
  document.Parse(R"({"kind":"ANY"})");
  CHECK(on(document).error().code == json_errc::rejected);
}

TEST_CASE("rapidjson: what is no JSON is our error, with our path") {
  auto const error = [](std::string_view text) {
    auto const found = error_of(text);
    return found.path + ' ' + found.message();
  };
  CHECK(error(R"({"kind":"LEGACY","a":[0,{"b":[1,tru]}]})") ==
        R"(/a/1/b/1 field "a/1/b/1": malformed JSON at byte 35: expected true, found ']')");
  CHECK(error(R"({"kind":"LEGACY","a/b":{"\n":nul}})").starts_with(R"(/a~1b/)"));
  // RFC 8259 §8.1, §8.2
  CHECK(error_of("{\"kind\":\"LEGACY\",\"a\":[\"\xFF\"]}").code == json_errc::invalid_utf8);
  CHECK(error_of("{\"kind\":\"LEGACY\",\"\xED\xA0\x80\":0}").code == json_errc::invalid_utf8);
  CHECK(error_of(R"({"kind":"LEGACY","a":"\udc00"})").code == json_errc::lone_surrogate);
  CHECK(error_of(R"({"kind":"LEGACY","a":"\ud800"})").code == json_errc::lone_surrogate);
  CHECK(error_of(R"({"kind":"LEGACY","a":{"\ud800x":0}})").code == json_errc::lone_surrogate);
  CHECK(error_of(R"({"kind":"LEGACY","a":"\x"})").code == json_errc::invalid_escape);
  // A NUL byte ends nothing.
  using namespace std::string_view_literals;
  CHECK(error_of("{\"kind\":\"LEGACY\"}\0"sv).code == json_errc::trailing_data);
  CHECK(error_of("{\"kind\":\"LEGACY\",\"a\":\0}"sv).code == json_errc::malformed);
  CHECK(error_of("{\"kind\":\"LEGACY\",\"a\":\"\0\"}"sv).code == json_errc::malformed);
  CHECK(error_of(R"({"kind":"LEGACY"} {})").code == json_errc::trailing_data);
  CHECK(error_of("\xEF\xBB\xBF{\"kind\":\"LEGACY\"}").code == json_errc::malformed);
  CHECK(error_of(R"({"kind":"LEGACY","a":)").code == json_errc::truncated);
  CHECK(error_of(R"([])").code == json_errc::wrong_type);
  CHECK(error_of(R"({"a":1})").code == json_errc::missing_kind);
  CHECK(error_of(R"({"kind":7})").code == json_errc::wrong_type);
  CHECK(error_of(R"({"x":{"kind":"LEGACY"}})").code == json_errc::missing_kind);
}

TEST_CASE("rapidjson: numbers that no double holds are refused, and long exponents harmless") {
  auto const refused = error_of(R"({"kind":"LEGACY","a":[1e309]})");
  CHECK(refused.code == json_errc::out_of_range);
  CHECK(refused.path == "/a/0");
  CHECK(refused.found == "1e309");
  CHECK(error_of(R"({"kind":"LEGACY","a":-1e99999999999999999999})").code == json_errc::out_of_range);
  CHECK(error_of(R"({"kind":"LEGACY","a":)" + std::string(400, '9') + "}").code == json_errc::out_of_range);

  auto const number = [](std::string const& text) {
    auto const made = kw::decode<rapidjson::Document>(text);
    REQUIRE(made);
    return made->GetDouble();
  };
  CHECK(number("0.0000000001e-2147483639") == 0);
  CHECK(number("1e-2147483649") == 0);
  CHECK(number("0e999999999999") == 0);
  CHECK(number("1" + std::string(400, '0') + "e-400") == 1);
  CHECK(number("0." + std::string(400, '0') + "1e401") == 1);
  CHECK(number("123456789012345678901234567890") == 123456789012345678901234567890.0);
  CHECK(std::signbit(number("-0.0")));
}

TEST_CASE("rapidjson: the depth is ours, and costs no stack") {
  auto const nested = [](std::size_t depth) {
    return R"({"kind":"LEGACY","a":)" + std::string(depth, '[') + std::string(depth, ']') + '}';
  };
  kw::dispatcher const on{kw::on_kind("LEGACY", [](rapidjson::Value const&) {})};
  CHECK(on(nested(63)));
  CHECK(on(nested(64)).error().code == json_errc::too_deep);
  CHECK(on(std::string(1 << 20, '[')).error().code == json_errc::wrong_type);
  CHECK(error_of(R"({"kind":"LEGACY","a":)" + std::string(1 << 20, '[')).code == json_errc::too_deep);
  std::string members;
  for (int depth = 0; depth != 100'000; ++depth) members += R"({"a":)";
  CHECK(error_of(R"({"kind":"LEGACY","a":)" + members).code == json_errc::too_deep);

  kw::dispatcher const deep{kw::json_options{.max_depth = 300},
                            kw::on_kind("LEGACY", [](rapidjson::Value const&) {})};
  for (std::size_t const depth : {62U, 63U, 64U, 65U, 299U}) CHECK(deep(nested(depth)));
  CHECK(deep(nested(300)).error().code == json_errc::too_deep);
  CHECK(deep(*kw::decode<rapidjson::Document>(nested(100), {.max_depth = 300})));
}

TEST_CASE("rapidjson: of members that stand twice in whichever object one counts, or none") {
  CHECK(error_of(R"({"kind":"LEGACY","a":1,"\u0061":2})").path == "/a");
  auto const deep = error_of(R"({"kind":"LEGACY","a":[{"b":{"c":1,"d":2,"c":3}}]})");
  CHECK(deep.code == json_errc::duplicate_field);
  CHECK(deep.path == "/a/0/b/c");
  CHECK(deep.offset == 40);
  CHECK(error_of(R"({"kind":"LEGACY","kind":"LEGACY"})").path == "/kind");
  // The same name in objects beside and inside of each other.
  CHECK(kw::decode<rapidjson::Document>(R"({"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1}})"));

  std::string many = R"({"kind":"LEGACY","o":{)";
  for (int index = 0; index != 200; ++index) many += '"' + std::to_string(index) + "\":0,";
  auto const twice = error_of(many + R"("150":1,"150":2,"20":1}})");
  CHECK(twice.code == json_errc::duplicate_field);
  CHECK(twice.path == "/o/150");
  CHECK(twice.offset == many.size());

  auto const kept = [](std::string_view text, kw::duplicate_policy policy) {
    return text_of(*kw::decode<rapidjson::Document>(text, {.duplicates = policy}));
  };
  for (auto const& [text, first, last] : std::vector<std::array<std::string_view, 3>>{
           {R"({"a":1,"b":2,"a":3,"a":4,"c":5})", R"({"a":1,"b":2,"c":5})", R"({"a":4,"b":2,"c":5})"},
           {R"([{"x":{"a":1,"a":{"b":1,"b":2}}}])", R"([{"x":{"a":1}}])", R"([{"x":{"a":{"b":2}}}])"},
           {R"({"a":[],"a":{}})", R"({"a":[]})", R"({"a":{}})"}}) {
    CHECK(kept(text, kw::duplicate_policy::first) == first);
    CHECK(kept(text, kw::duplicate_policy::last) == last);
  }
  std::string const all = many.substr(many.find("\"o\"") + 4) + R"("150":1,"20":1})";
  CHECK(kw::decode<rapidjson::Document>(all, {.duplicates = kw::duplicate_policy::last})
            ->FindMember("150")
            ->value.GetInt() == 1);
  CHECK(kw::decode<rapidjson::Document>(all, {.duplicates = kw::duplicate_policy::first})->MemberCount() ==
        200);

  // The kind that counts is the one in the document.
  for (auto const policy : {kw::duplicate_policy::first, kw::duplicate_policy::last}) {
    std::string seen;
    kw::dispatcher const on{kw::json_options{.duplicates = policy},
                            kw::on_kind("A", [&](rapidjson::Value const& v) { seen = "A" + text_of(v); }),
                            kw::on_kind("B", [&](rapidjson::Value const& v) { seen = "B" + text_of(v); })};
    CHECK(on(R"({"kind":"A","x":1,"kind":"B"})"));
    CHECK(seen ==
          (policy == kw::duplicate_policy::first ? R"(A{"kind":"A","x":1})" : R"(B{"kind":"B","x":1})"));
  }
}

TEST_CASE("rapidjson: a handler may dispatch another message meanwhile") {
  std::string seen;
  kw::dispatcher const inner{kw::on_kind("INNER", [&](rapidjson::Value const& v) { seen += text_of(v); })};
  kw::dispatcher const on{kw::on_kind("OUTER", [&](rapidjson::Value const& v) {
    std::string const before = text_of(v);
    CHECK(inner(R"({"kind":"INNER","a":"a text that is too long for a value itself"})"));
    CHECK(inner(v["message"]));
    CHECK(text_of(v) == before);
  })};
  for (int i = 0; i != 3; ++i)
    CHECK(on(R"({"kind":"OUTER","message":{"kind":"INNER"},"b":"another text that is much too long"})"));
  CHECK(seen.size() ==
        3 * (std::string_view{R"({"kind":"INNER","a":"a text that is too long for a value itself"})"}.size() +
             std::string_view{R"({"kind":"INNER"})"}.size()));
}

TEST_CASE("rapidjson: a dispatcher is used by several threads") {
  std::atomic<int> sum = 0;
  kw::dispatcher const on{kw::on_kind("ADD", [&](rapidjson::Value const& v) { sum += v["n"].GetInt(); })};
  std::vector<std::thread> threads;
  for (int thread = 0; thread != 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i != 500; ++i) {
        if (!on(R"({"kind":"ADD","n":1,"text":"so long that it needs memory of its own"})")) sum = -1'000'000;
      }
    });
  }
  for (auto& each : threads) each.join();
  CHECK(sum == 2000);
}

TEST_CASE("rapidjson: what is kept after a huge message is bounded") {
  std::size_t elements = 0;
  kw::dispatcher const on{kw::on_kind("BIG", [&](rapidjson::Value const& v) { elements = v["a"].Size(); })};
  std::string text = R"({"kind":"BIG","a":[0)";
  for (int i = 1; i != 200'000; ++i) text += ",0";
  CHECK(on(text + "]}"));
  CHECK(elements == 200'000);
  kw::detail::borrowed_memory const memory;
  CHECK((*memory).values().Capacity() <= 65536);
  CHECK((*memory).values().Size() == 0);
}

TEST_CASE("rapidjson: a constant dispatcher needs no documents for kinds without a type") {
  static constexpr kw::dispatcher on{kw::on_kind("RAW", [](kw::raw_message m) { return m.text.size(); }),
                                     [](progress) { return std::size_t{0}; }};
  CHECK(*on(R"({"kind":"RAW"})") == 14);
  CHECK(on.kinds().size() == 2);
}

TEST_CASE("rapidjson: Int, Uint, Int64, Uint64, Double as RapidJSON has them") {
  for (std::string const text : {"0",
                                 "-0",
                                 "7",
                                 "-7",
                                 "2147483647",
                                 "2147483648",
                                 "-2147483648",
                                 "-2147483649",
                                 "4294967295",
                                 "4294967296",
                                 "9223372036854775807",
                                 "9223372036854775808",
                                 "-9223372036854775808",
                                 "-9223372036854775809",
                                 "18446744073709551615",
                                 "18446744073709551616",
                                 "1.0",
                                 "1e2",
                                 "0.1",
                                 "-0.0",
                                 "1e400e",
                                 "5e-324"}) {
    rapidjson::Document theirs;
    theirs.Parse<rapidjson::kParseFullPrecisionFlag>(text.c_str());
    auto const ours = kw::decode<rapidjson::Document>(text);
    REQUIRE(static_cast<bool>(ours) == !theirs.HasParseError());
    if (!ours) continue;
    CAPTURE(text);
    CHECK(ours->IsInt() == theirs.IsInt());
    CHECK(ours->IsUint() == theirs.IsUint());
    CHECK(ours->IsInt64() == theirs.IsInt64());
    CHECK(ours->IsUint64() == theirs.IsUint64());
    CHECK(ours->IsDouble() == theirs.IsDouble());
    CHECK(ours->GetDouble() == theirs.GetDouble());
    if (ours->IsInt64()) CHECK(ours->GetInt64() == theirs.GetInt64());
    if (ours->IsUint64()) CHECK(ours->GetUint64() == theirs.GetUint64());
  }
}

}  // namespace rapidjson_tests
