// The protocol without a network, and without exceptions: what a client sends comes back from an echoing
// server.
#include <kindwire/session.hpp>

#include <cstddef>
#include <cstdio>
#include <cstring>

#ifdef ASIO_STANDALONE
#error "kindwire-std brings Asio's flags along"
#endif

namespace {

template <typename From, typename To>
void carry(From& from, To& to) {
  auto const bytes = from.output();
  auto const room = to.prepare(bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  to.commit(bytes.size());
  from.consume(bytes.size());
}

}  // namespace

int main() {
  kindwire::session client{kindwire::role::client};
  kindwire::session server{kindwire::role::server};
  client.send("hello");
  carry(client, server);
  while (kindwire::message message = server.poll()) server.send(message.type(), message.bytes());
  carry(server, client);
  kindwire::message const reply = client.poll();
  bool const right = reply && reply.is_text() && reply.text() == "hello";
  std::puts(right ? "right" : "wrong");
  return right ? 0 : 1;
}
