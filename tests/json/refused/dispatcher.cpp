#include <kindwire/json/dispatcher.hpp>

#include <coroutine>
#include <string>

namespace kw = kindwire;

struct ping {
  static constexpr auto schema = kw::kind("PING");
};
struct same_ping {
  static constexpr auto schema = kw::kind("PING");
};
struct pong {
  static constexpr auto schema = kw::kind("PONG", kw::key("type"));
};
struct part {
  static constexpr auto schema = kw::object();
};
struct bare {
  int value;
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

// refused: kindwire: a dispatcher needs a handler
kw::dispatcher<> on;

// refused: kindwire: two handlers take the same kind
kw::dispatcher on{[](ping) {}, [](ping const&) {}};

// refused: kindwire: two handlers take the same kind
kw::dispatcher on{[](ping) {}, [](kw::unknown_message) {}, [](same_ping) {}};

// refused: kindwire: a handler's first parameter has no kind: give the type a `static constexpr auto schema = kindwire::kind(...)`, or specialise kindwire::schema for it
kw::dispatcher on{[](ping) {}, [](bare) {}};

// refused: kindwire: a handler's first parameter has no kind
kw::dispatcher on{[](std::string const&) {}};

// refused: kindwire: a handler's first parameter has no kind
kw::dispatcher on{[](part) {}};

// refused: kindwire: the handlers' kinds stand under different keys
kw::dispatcher on{[](ping) {}, [](pong) {}};

// refused: kindwire: two handlers take unknown_message
kw::dispatcher on{[](ping) {}, [](kw::unknown_message) {}, [](kw::unknown_message const&) {}};

// refused: kindwire: two handlers take invalid_message
kw::dispatcher on{[](kw::invalid_message) {}, [](ping) {}, [](kw::invalid_message) {}};

// refused: kindwire: a dispatcher needs a handler for a kind
kw::dispatcher on{[](kw::unknown_message) {}, [](kw::invalid_message) {}};

// refused: kindwire: kinds are told by the handlers' first parameters
kw::dispatcher on{[](auto) {}};

// refused: kindwire: kinds are told by the handlers' first parameters
kw::dispatcher on{7};

// refused: kindwire: a handler takes the message as its first parameter
kw::dispatcher on{[] {}};

// refused: kindwire: a handler takes the message by value or by reference to const
kw::dispatcher on{[](ping&) {}};

// refused: kindwire: a handler cannot be called with its message and the arguments after the text
kw::dispatcher on{[](ping, int) {}};
auto outcome = on("", "no number");

// refused: kindwire: the handlers of a dispatcher must all return the same type
kw::dispatcher on{[](ping) { return 1; }, [](kw::unknown_message) { return 'a'; }};
auto outcome = on("");

// refused: kindwire: what apply() hands the results to must always return the same type
kw::dispatcher on{[](ping) { return 1; }, [](kw::unknown_message) { return 'a'; }};
auto outcome = on.apply([](auto result) { return result; }, "");

// refused: kindwire: a handler cannot return a reference
int number;
kw::dispatcher on{[](ping) -> int& { return number; }};
auto outcome = on.apply([](auto& result) -> auto& { return result; }, "");

// refused: kindwire: a coroutine takes its message by value: a reference would dangle at the first co_await
kw::dispatcher on{[](ping const&) -> job { co_return; }};
auto outcome = on("");
