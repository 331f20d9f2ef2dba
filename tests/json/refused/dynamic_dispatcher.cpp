#include <kindwire/json/dynamic_dispatcher.hpp>

namespace kw = kindwire;

struct ping {
  static constexpr auto schema = kw::kind("PING");
};
struct bare {
  int value;
};

void common() {
  kw::dynamic_dispatcher<int(int)> on;
  on.add([](ping, int) { return 1; });
}

// refused: kindwire: a handler's first parameter has no kind
bool const added = kw::dynamic_dispatcher<void()>{}.add([](bare) {});

// refused: for a raw_message, name the kind
bool const added = kw::dynamic_dispatcher<void()>{}.add([](kw::raw_message) {});

// refused: kindwire: the first parameter of a generic lambda or an overloaded function object cannot be told: name the message, as in add<message>(handler)
bool const added = kw::dynamic_dispatcher<void()>{}.add([](auto) {});

// refused: kindwire: a handler cannot be called with its message and the dispatcher's arguments, or returns something else than the dispatcher
bool const added = kw::dynamic_dispatcher<int()>{}.add([](ping) {});

// refused: kindwire: a handler cannot be called with its message and the dispatcher's arguments, or returns something else than the dispatcher
bool const added = kw::dynamic_dispatcher<void(int)>{}.add([](ping) {});
