#include <kindwire/json/dispatcher.hpp>

#include <kindwire/json/writer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>
#if defined(__cpp_impl_coroutine)
#include <coroutine>
#endif

#include <doctest/doctest.h>

namespace kw = kindwire;
using kw::json_errc;

namespace theirs {
struct request {
  int id;
};
}  // namespace theirs

template <>
inline constexpr auto kw::schema<theirs::request> = kw::kind("REQUEST",
                                                             kw::field("id", &theirs::request::id));

namespace {

struct initial {
  static constexpr auto schema = kw::kind("INITIAL");
};

struct upload_progress {
  double value;
  static constexpr auto schema = kw::kind("UPLOAD_PROGRESS", kw::field("value", &upload_progress::value));
};

struct upload_finish {
  static constexpr auto schema = kw::kind("UPLOAD_FINISH");
};

struct typed {
  std::string kind;
  static constexpr auto schema = kw::kind("typed", kw::key("type"), kw::field("kind", &typed::kind));
};

struct session {
  std::vector<std::string> log;
};

auto make_dispatcher() {
  return kw::dispatcher{
      [](initial, session& s) { s.log.push_back("begin"); },
      [](upload_progress const& p, session& s) {
        s.log.push_back("bar " + std::to_string(static_cast<int>(p.value)));
      },
      [](upload_finish, session& s) { s.log.push_back("done"); },
  };
}

int answer(theirs::request request) { return request.id; }

#if defined(__cpp_impl_coroutine)
// A coroutine that starts when it is resumed, as asio::awaitable does.
struct task {
  struct promise_type {
    int result = 0;
    task get_return_object() { return task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(int value) { result = value; }
    void unhandled_exception() {}
  };
  explicit task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  task(task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ~task() {
    if (handle_) handle_.destroy();
  }
  int run() {
    handle_.resume();
    return handle_.promise().result;
  }
  std::coroutine_handle<promise_type> handle_;
};
#endif

}  // namespace

TEST_CASE("each kind goes to its handler, with what follows the text") {
  auto const on = make_dispatcher();
  session s;
  CHECK(on(R"({"kind":"INITIAL"})", s));
  CHECK(on(R"({"kind":"UPLOAD_PROGRESS","value":42})", s));
  CHECK(on(R"({"kind":"UPLOAD_FINISH"})", s));
  CHECK(s.log == std::vector<std::string>{"begin", "bar 42", "done"});
}

TEST_CASE("the kind may stand anywhere, and be written with escapes") {
  auto const on = make_dispatcher();
  session s;
  CHECK(on(R"({"value":1,"kind":"UPLOAD_PROGRESS"})", s));
  CHECK(on(R"({"x":{"kind":"INITIAL"},"kind":"UPLOAD_PROGRESS","y":"kind","value":2})", s));
  CHECK(on(R"( { "k\u0069nd" : "UPLOAD\u005fPROGRESS" , "value" : 3 } )", s));
  CHECK(on(R"({"value":4,"\u006bind":"UPLOAD_\u0050ROGRESS"})", s));
  CHECK(s.log == std::vector<std::string>{"bar 1", "bar 2", "bar 3", "bar 4"});
}

TEST_CASE("no handler is called with a message that is not in order to its last byte") {
  auto const on = make_dispatcher();
  session s;
  for (std::string const& text :
       {std::string{R"({"kind":"UPLOAD_PROGRESS","value":1,"more":[{"a":"\n"}]})"},
        std::string{R"({"value":1,"more":[{"a":"\n"}],"kind":"UPLOAD_PROGRESS"})"}}) {
    for (std::size_t size = 0; size < text.size(); ++size) {
      std::vector<char> const part(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK(!on({part.data(), part.size()}, s));
    }
    CHECK(!on(text + '\0', s));
    CHECK(!on(text + "}", s));
    CHECK(s.log.empty());
    REQUIRE(on(text, s));
    s.log.clear();
  }
}

TEST_CASE("each fault has its error") {
  auto const on = make_dispatcher();
  session s;
  auto const code = [&](std::string_view text) { return on(text, s).error().code; };
  CHECK(code("") == json_errc::truncated);
  CHECK(code("[]") == json_errc::wrong_type);
  CHECK(code("\"INITIAL\"") == json_errc::wrong_type);
  CHECK(code("{}") == json_errc::missing_kind);
  CHECK(code(R"({"a":1})") == json_errc::missing_kind);
  CHECK(code(R"({"kind":null})") == json_errc::wrong_type);
  CHECK(code(R"({"kind":"initial"})") == json_errc::unknown_kind);
  CHECK(code(R"({"kind":"UPLOAD_PROGRESS"})") == json_errc::missing_field);
  CHECK(code(R"({"kind":"UPLOAD_PROGRESS","value":"1"})") == json_errc::wrong_type);
  CHECK(code(R"({"kind":"UPLOAD_PROGRESS","value":1,"value":1})") == json_errc::duplicate_field);
  CHECK(code(R"({"kind":"INITIAL","kind":"INITIAL"})") == json_errc::duplicate_field);
  CHECK(code(R"({"a":1,"kind":"INITIAL","kind":"UPLOAD_FINISH"})") == json_errc::duplicate_field);
  CHECK(code(R"({"kind":"INITIAL"} x)") == json_errc::trailing_data);
  CHECK(code(R"({"kind":"INITIAL",})") == json_errc::malformed);
  CHECK(code(std::string(std::size_t{1} << 20, '[')) == json_errc::wrong_type);
  CHECK(code(R"({"kind":"INITIAL","x":)" + std::string(std::size_t{1} << 20, '[')) == json_errc::too_deep);
  CHECK(code(R"({"x":)" + std::string(std::size_t{1} << 20, '[')) == json_errc::too_deep);
  CHECK(s.log.empty());
}

TEST_CASE("errors read well") {
  auto const on = make_dispatcher();
  session s;
  auto const message = [&](std::string_view text) { return on(text, s).error().message(); };
  CHECK(message(R"({"kind":"UPLOD_PROGRESS"})") ==
        R"(unknown kind "UPLOD_PROGRESS"; did you mean "UPLOAD_PROGRESS"?)");
  CHECK(message(R"({"kind":"X"})") ==
        R"(unknown kind "X"; known: "INITIAL", "UPLOAD_PROGRESS", "UPLOAD_FINISH")");
  CHECK(message(R"({"kind":"UPLOAD_PROGRESS","value":"x"})") ==
        R"(field "value": expected a number, found a string)");
  CHECK(on(R"({"a":1,"kind":"X"})", s).error().offset == 14);
}

TEST_CASE("what handlers return comes back") {
  kw::dispatcher const on{answer, [](initial) { return -1; }};
  CHECK(*on(R"({"kind":"REQUEST","id":7})") == 7);
  CHECK(on(R"({"kind":"INITIAL"})").value() == -1);
  CHECK(!on(R"({"kind":"OTHER"})"));
}

TEST_CASE("a handler for all other messages gets them checked, and whole") {
  kw::dispatcher const on{[](kw::unknown_message message) {
                            return std::string{message.kind} + " in " + std::string{message.text};
                          },
                          [](initial) { return std::string{"initial"}; }};
  CHECK(*on(R"({"kind":"INITIAL"})") == "initial");
  CHECK(*on(R"({"kind":"A","x":1})") == R"(A in {"kind":"A","x":1})");
  CHECK(*on(R"({"x":1,"kind":"\u0041","\u0042":2})") == R"(A in {"x":1,"kind":"\u0041","\u0042":2})");
  CHECK(on(R"({"kind":"A","x":})").error().code == json_errc::malformed);
  CHECK(on(R"({"kind":"A"}x)").error().code == json_errc::trailing_data);
  CHECK(on.kinds().size() == 1);
}

TEST_CASE("a handler for texts that are no valid message gets them with what is wrong") {
  std::vector<std::string> log;
  kw::dispatcher const on{[&](initial) { log.push_back("initial"); },
                          [&](upload_progress) { log.push_back("progress"); },
                          [&](kw::invalid_message message) {
                            log.push_back(message.error.message() + " in " + std::string{message.text});
                          }};
  CHECK(on(R"({"kind":"INITIAL"})"));
  CHECK(on("{"));
  CHECK(on(R"({"kind":"INITIA"})"));
  CHECK(on(R"({"value":"1","kind":"UPLOAD_PROGRESS"})"));
  CHECK(log ==
        std::vector<std::string>{
            "initial", "JSON ends too early at byte 1: expected a field name in {",
            R"(unknown kind "INITIA"; did you mean "INITIAL"? in {"kind":"INITIA"})",
            R"(field "value": expected a number, found a string in {"value":"1","kind":"UPLOAD_PROGRESS"})"});
  CHECK(on.kinds().size() == 2);
}

TEST_CASE("with both fallbacks each has its own") {
  kw::dispatcher const on{
      [](kw::invalid_message const& message) { return "invalid " + std::to_string(message.error.offset); },
      [](initial) { return std::string{"initial"}; },
      [](kw::unknown_message message) { return "unknown " + std::string{message.kind}; }};
  CHECK(*on(R"({"kind":"INITIAL"})") == "initial");
  CHECK(*on(R"({"kind":"OTHER"})") == "unknown OTHER");
  CHECK(*on(R"({"a":[],"kind":"OTHER"})") == "unknown OTHER");
  CHECK(*on(R"({"kind":"OTHER")") == "invalid 15");
  CHECK(*on("") == "invalid 0");
}

TEST_CASE("apply() takes what handlers return, of whatever type") {
  kw::dispatcher on{answer, [](initial) {}, [](upload_finish) { return std::string{"done"}; }};
  struct to_text {
    std::string operator()() const { return "nothing"; }
    std::string operator()(int number) const { return std::to_string(number); }
    std::string operator()(std::string text) const { return text; }
  };
  CHECK(*on.apply(to_text{}, R"({"kind":"REQUEST","id":7})") == "7");
  CHECK(*on.apply(to_text{}, R"({"kind":"INITIAL"})") == "nothing");
  CHECK(*std::as_const(on).apply(to_text{}, R"({"kind":"UPLOAD_FINISH"})") == "done");
  CHECK(on.apply(to_text{}, R"({"kind":"OTHER"})").error().code == json_errc::unknown_kind);

  int calls = 0;
  CHECK(on.apply([&](auto const&...) { ++calls; }, R"({"kind":"UPLOAD_FINISH"})"));
  CHECK(calls == 1);
}

TEST_CASE("handlers may have state, and arguments are handed on as they are") {
  int calls = 0;
  kw::dispatcher counting{[&calls, mine = 0](initial) mutable { calls = ++mine; }};
  CHECK(counting(R"({"kind":"INITIAL"})"));
  CHECK(counting(R"({"kind":"INITIAL"})"));
  CHECK(calls == 2);

  kw::dispatcher const taking{[](initial, std::unique_ptr<int> owned) { return *owned; }};
  CHECK(*taking(R"({"kind":"INITIAL"})", std::make_unique<int>(9)) == 9);

  std::function<int(initial)> const from_function = [](initial) { return 3; };
  CHECK(*kw::dispatcher{from_function}(R"({"kind":"INITIAL"})") == 3);
}

#if defined(__cpp_impl_coroutine)
TEST_CASE("handlers may be coroutines, whose message is their own") {
  kw::dispatcher const on{[](theirs::request request, int more) -> task { co_return request.id + more; },
                          [](initial, int) -> task { co_return -1; }};
  auto outcome = on(R"({"kind":"REQUEST","id":7})", 1);
  REQUIRE(outcome);
  CHECK(outcome->run() == 8);
  // The text is there as long as the coroutine; what stands for escapes is not.
  kw::dispatcher const rest{
      [](initial) -> task { co_return 0; },
      [](kw::unknown_message m) -> task { co_return static_cast<int>(m.kind.size()); },
  };
  auto unknown = rest(R"({"kind":"OTHER"})");
  REQUIRE(unknown);
  CHECK(unknown->run() == 5);
  CHECK(rest(R"({"a":1,"kind":"OTHE\u0052"})").error().message() ==
        R"(field "kind": string with escapes where only a plain one can be viewed)");
  CHECK(rest(R"({"kind":"INITIA\u004C"})"));
  static_assert(kw::detail::would_dangle<task (*)(initial const&), task>);
  static_assert(!kw::detail::would_dangle<task (*)(initial), task>);
  static_assert(!kw::detail::would_dangle<void (*)(initial const&), void>);
}
#endif

TEST_CASE("unknown fields are refused on request") {
  kw::dispatcher const on{kw::json_options{.refuse_unknown_fields = true}, [](initial) {}};
  CHECK(on(R"({"kind":"INITIAL"})"));
  CHECK(on(R"({"kind":"INITIAL","x":1})").error().message() == R"(unknown field "x")");
}

TEST_CASE("an id beside the fields is not unknown, where it has been named") {
  kw::json_options const options{.refuse_unknown_fields = true, .id_name = "id"};
  kw::dispatcher const on{options, [](initial) {}, [](theirs::request asked) { CHECK(asked.id == 7); }};
  CHECK(on(R"({"kind":"INITIAL","id":7})"));
  CHECK(on(R"({"id":{"x":[]},"kind":"INITIAL"})"));
  CHECK(on(R"({"kind":"REQUEST","id":7})"));
  CHECK(on(R"({"kind":"INITIAL","ids":7})").error().message() == R"(unknown field "ids")");
  kw::dispatcher const strict{kw::json_options{.refuse_unknown_fields = true}, [](initial) {}};
  CHECK(strict(R"({"kind":"INITIAL","id":7})").error().code == json_errc::unknown_field);
  CHECK(strict(R"({"kind":"INITIAL","":7})").error().code == json_errc::unknown_field);
}

TEST_CASE("under another key, a field may be called kind") {
  kw::dispatcher const on{[](typed message) { return message.kind; }};
  CHECK(*on(*kw::to_json(typed{"x"})) == "x");
  CHECK(on(R"({"kind":"typed"})").error().code == json_errc::missing_kind);
}

TEST_CASE("what a handler's signature says") {
  using kw::detail::has_message;
  using kw::detail::has_signature;
  auto const generic = [](auto) {};
  auto const empty = [] {};
  static_assert(!has_signature<decltype(generic)>);
  static_assert(has_signature<decltype(empty)> && !has_message<decltype(empty)>);
  static_assert(std::is_same_v<kw::detail::message_of<void (*)(initial const&, int)>, initial>);
  static_assert(std::is_same_v<kw::detail::message_of<void (*)(initial &&) noexcept>, initial>);
  static_assert(kw::detail::takes_message_well<void (*)(initial &&)>);
  static_assert(!kw::detail::takes_message_well<void (*)(initial&)>);
}
