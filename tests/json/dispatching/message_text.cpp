#include <kindwire/json/dispatching/message_text.hpp>

#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>

namespace message_text_tests {

// A message as its parts, of which there is a text only while it is dispatched. Without a kind there is none.
struct parts {
  std::string kind;
  int value = 0;
};

}  // namespace message_text_tests

template <>
class kindwire::detail::message_text<message_text_tests::parts> {
 public:
  static constexpr bool is_own = true;

  explicit message_text(message_text_tests::parts const& whole)
      : text_(R"({"kind":")" + whole.kind + R"(","value":)" + std::to_string(whole.value) + '}') {
    if (whole.kind.empty()) error_.emplace().code = json_errc::missing_kind;
  }

  json_error const* error() const noexcept { return error_ ? &*error_ : nullptr; }
  std::string_view text() const noexcept { return text_; }

 private:
  std::string text_;
  std::optional<json_error> error_;
};

namespace message_text_tests {

namespace kw = kindwire;
using kw::json_errc;

namespace {

struct number {
  int value = 0;
  static constexpr auto schema = kw::kind("NUMBER", kw::field("value", &number::value));
};

#if defined(__cpp_impl_coroutine)
// What a coroutine returns, for those who only ask whether it is.
struct job {
  using promise_type = void;
};
#endif

}  // namespace

TEST_CASE("a message in another form is dispatched by its text, or is no message") {
  static_assert(kw::detail::message_form<parts>);
  static_assert(!kw::detail::message_form<int>);
  auto const twice = [](number message) { return 2 * message.value; };
  auto const size = [](kw::unknown_message message) { return static_cast<int>(message.text.size()); };

  kw::dispatcher const on{twice, size};
  CHECK(*on(parts{"NUMBER", 21}) == 42);
  CHECK(*on(parts{"OTHER", 1}) == 26);
  CHECK(on(parts{}).error().code == json_errc::missing_kind);
  CHECK(*on.apply([](int result) { return result + 1; }, parts{"NUMBER", 21}) == 43);

  kw::dynamic_dispatcher<int()> at_run_time;
  at_run_time.add(twice);
  at_run_time.add(size);
  CHECK(*at_run_time(parts{"NUMBER", 21}) == 42);
  CHECK(*at_run_time(parts{"OTHER", 1}) == 26);
  CHECK(at_run_time(parts{}).error().code == json_errc::missing_kind);
  CHECK(*at_run_time.apply([](int result) { return result + 1; }, parts{"NUMBER", 21}) == 43);
  at_run_time.add([](kw::invalid_message const& message) {
    return message.error.code == json_errc::missing_kind ? -1 : -2;
  });
  CHECK(*at_run_time(parts{}) == -1);
}

#if defined(__cpp_impl_coroutine)
TEST_CASE("a coroutine that may view its message's text is not called where the text is gone at once") {
  int calls = 0;
  kw::dynamic_dispatcher<job()> on;
  on.add([&calls](number) -> job { return ++calls, job{}; });
  on.add("RAW", [&calls](kw::raw_message) -> job { return ++calls, job{}; });
  on.add("ANY", [&calls](auto const&) -> job { return ++calls, job{}; });
  on.add([&calls](kw::unknown_message) -> job { return ++calls, job{}; });
  CHECK(on(parts{"NUMBER", 1}));
  CHECK(calls == 1);
  for (char const* const kind : {"RAW", "ANY", "OTHER"}) {
    CAPTURE(kind);
    auto const refused = on(parts{kind, 1});
    REQUIRE(!refused);
    CHECK(refused.error().code == json_errc::rejected);
    CHECK(refused.error().message().find("a text, which the handler's coroutine can view") !=
          std::string::npos);
    CHECK(calls == 1);
  }
  int before = calls;
  for (char const* const text : {R"({"kind":"RAW"})", R"({"kind":"ANY"})", R"({"kind":"OTHER"})"}) {
    CHECK(on(text));
    CHECK(calls == ++before);
  }
}
#endif

}  // namespace message_text_tests
