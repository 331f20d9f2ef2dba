#include <kindwire/exchange/serve.hpp>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/net/websocket.hpp>

namespace kw = kindwire;

struct ping {
  static constexpr auto schema = kw::kind("PING");
};
struct pong {
  static constexpr auto schema = kw::kind("PONG");
};

asio::awaitable<void> common(kw::net::websocket& ws) {
  kw::dispatcher on{[](ping) { return pong{}; }, [](pong) -> asio::awaitable<ping> { co_return ping{}; }};
  co_await kw::serve(ws, on);
}

// refused: kindwire: a served handler returns nothing, a message with a kind, a std::variant of such, or an asio::awaitable of one of these
asio::awaitable<void> wrong(kw::net::websocket& ws) {
  kw::dispatcher on{[](ping) { return 7; }};
  co_await kw::serve(ws, on);
}

// refused: kindwire: a coroutine takes its message by value: a reference would dangle at the first co_await
asio::awaitable<void> wrong(kw::net::websocket& ws) {
  kw::dispatcher on{[](ping const&) -> asio::awaitable<void> { co_return; }};
  co_await kw::serve(ws, on);
}

// refused: kindwire: a handler cannot be called with its message and the arguments after the text
asio::awaitable<void> wrong(kw::net::websocket& ws) {
  kw::dispatcher on{[](ping, int&) {}};
  co_await kw::serve(ws, on);
}
