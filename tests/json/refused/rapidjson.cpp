#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>
#include <kindwire/json/rapidjson.hpp>

#include <coroutine>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kw = kindwire;

struct ping {
  static constexpr auto schema = kw::kind("PING");
};
struct viewing {
  std::string_view text;
  static constexpr auto schema = kw::kind("VIEWING", kw::field("text", &viewing::text));
};
struct tree {
  std::vector<tree> children;
  std::map<std::string, std::optional<std::pair<int, kw::raw_json_view>>> marks;
  static constexpr auto schema = kw::object(kw::field("children", &tree::children), kw::field("marks", &tree::marks));
};
struct own_tree {
  std::vector<own_tree> children;
  std::unique_ptr<own_tree> next;
  std::string name;
  static constexpr auto schema = kw::object(kw::field("children", &own_tree::children),
                                            kw::field("next", &own_tree::next), kw::field("name", &own_tree::name));
};
struct with_value {
  rapidjson::Value value;
  static constexpr auto schema = kw::object(kw::field("value", &with_value::value));
};
struct job {
  struct promise_type {
    job get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};

inline void common(rapidjson::Value const& value) {
  (void)!kw::decode<own_tree>(value);
  (void)!kw::to_json(with_value{});
  kw::dispatcher on{kw::on_kind("A", [](rapidjson::Document) -> job { co_return; }),
                    [](ping) -> job { co_return; }};
  (void)!on(value);
}

// refused: kindwire: a handler of messages without a type needs to be told their kind: kindwire::on_kind("KIND", handler), or kindwire::on_unknown_kind(handler)
kw::dispatcher on{[](ping) {}, [](rapidjson::Value const&) {}};

// refused: kindwire: a handler of messages without a type needs to be told their kind
kw::dispatcher on{[](ping) {}, [](kw::raw_message) {}};

// refused: kindwire: a handler takes a rapidjson::Value by reference to const, as its memory is gone after the call; one that keeps the message takes a rapidjson::Document
kw::dispatcher on{kw::on_kind("A", [](rapidjson::Value) {})};

// refused: kindwire: a handler takes a rapidjson::Value by reference to const
kw::dispatcher on{[](ping) {}, kw::on_unknown_kind([](rapidjson::Value&&) {})};

// refused: kindwire: a handler takes a rapidjson::Value by reference to const
void wrong(kw::dynamic_dispatcher<void()>& on) {
  on.add("A", [](rapidjson::Value) {});
}

// refused: kindwire: on_kind() and on_unknown_kind() are for handlers of a kindwire::raw_message, or, with json/rapidjson.hpp, of a rapidjson::Value or rapidjson::Document; a described type has a kind of its own
kw::dispatcher on{kw::on_kind("A", [](ping) {})};

// refused: kindwire: on_kind() and on_unknown_kind() tell by a handler's first parameter what it takes: it cannot be a generic lambda or an overloaded function object
auto wrong = kw::on_kind("A", [](auto const&) {});

// refused: kindwire: two handlers take unknown_message
kw::dispatcher on{[](ping) {}, [](kw::unknown_message) {}, kw::on_unknown_kind([](rapidjson::Value const&) {})};

// refused: kindwire: a dispatcher needs a handler for a kind
kw::dispatcher on{kw::on_unknown_kind([](rapidjson::Value const&) {})};

// refused: kindwire: a coroutine takes its message by value: a reference would dangle at the first co_await
kw::dispatcher on{kw::on_kind("A", [](rapidjson::Value const&) -> job { co_return; })};
auto outcome = on("");

// refused: kindwire: a coroutine takes its message by value
void wrong(kw::dynamic_dispatcher<job()>& on) {
  on.add("A", [](rapidjson::Value const&) -> job { co_return; });
}

// refused: kindwire: a coroutine whose message has views into its text cannot be called with a document: that text is gone at the first co_await
auto wrong(rapidjson::Value const& value) {
  kw::dispatcher on{[](viewing) -> job { co_return; }};
  return on(value);
}

// refused: kindwire: a coroutine whose message has views into its text cannot be called with a document
auto wrong(rapidjson::Value const& value) {
  kw::dispatcher on{kw::on_kind("A", [](kw::raw_message) -> job { co_return; })};
  return on(value);
}

// refused: kindwire: a std::string_view or raw_json_view in a type that is decoded from a rapidjson::Value would view a text that is gone: take a std::string or raw_json
auto wrong = kw::decode<viewing>(rapidjson::Value{});

// refused: kindwire: a std::string_view or raw_json_view in a type that is decoded from a rapidjson::Value
auto wrong = kw::decode<tree>(rapidjson::Value{});

// refused: kindwire: a rapidjson::Value has no memory of its own to be read into: take a rapidjson::Document
auto wrong = kw::decode<with_value>("{}");
