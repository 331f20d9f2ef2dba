#include <kindwire/net/websocket.hpp>

#include <asio/use_awaitable.hpp>
#include <string>
#include <vector>

namespace kw = kindwire;

struct bare {
  int value;
};

kw::net::websocket ws;
kw::net::remote remote;
std::vector<int> numbers;
bare value;
auto text = ws.send("text");
auto bytes = ws.send(std::vector<char>{});

// refused at once: kindwire: this cannot be sent: what can be is text (std::string_view), bytes in a row (std::byte, unsigned char or char in a vector, an array or a span), a kindwire::message or prepared_message, and a struct with a schema once <kindwire/json/writer.hpp> is included
auto sent = ws.send(value);

// refused at once: kindwire: this cannot be sent
auto sent = ws.send(value, asio::use_awaitable);

// refused at once: kindwire: this cannot be sent
auto sent = ws.send(numbers);

// refused at once: kindwire: this cannot be sent
auto sent = ws.send(5);

// refused at once: kindwire: this cannot be sent
auto sent = ws.try_send(value);

// refused at once: kindwire: this cannot be sent
auto sent = ws.try_send(u"UTF-16");

// refused at once: kindwire: this cannot be sent
auto sent = remote.send(value);

// refused at once: kindwire: this cannot be sent
auto sent = remote.send(&numbers);
