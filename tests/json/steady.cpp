// The steady state: typed messages in and out of a session allocate nothing but what the user's own structs
// hold.
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "support/allocations.hpp"

namespace {

namespace kw = kindwire;
using support::allocation_counter;

struct progress {
  std::string name;  // short enough to need no memory of its own
  double value = 0;
  std::int64_t size = 0;
  bool paused = false;
  static constexpr auto schema =
      kw::kind("PROGRESS", kw::field("name", &progress::name), kw::field("value", &progress::value),
               kw::field("size", &progress::size), kw::field("paused", &progress::paused));
};

struct listing {
  std::vector<std::string> names;
  static constexpr auto schema = kw::kind("LISTING", kw::field("names", &listing::names));
};

void carry(kw::session& from, kw::session& to) {
  std::memcpy(to.prepare(from.output().size()).data(), from.output().data(), from.output().size());
  to.commit(from.output().size());
  from.consume(from.output().size());
}

template <class T>
void send(kw::session& to, T const& value) {
  REQUIRE_FALSE(
      to.send_with(kw::message_type::text, [&](kw::buffer& sink) { return encode_text(sink, value); }));
}

// A client sends the message, the server decodes it and sends what it got back. The number of times that it
// came back.
template <class T, class Same>
int echo(kw::session& client, kw::session& server, T const& message, Same same) {
  kw::dispatcher const answer{
      [](progress const& got, kw::session& to) { send(to, got); },
      [](listing const& got, kw::session& to) { send(to, got); },
  };
  int back = 0;
  kw::dispatcher const check{
      [&](progress const& got) { back += same(got); },
      [&](listing const& got) { back += same(got); },
  };
  send(client, message);
  carry(client, server);
  while (kw::message const msg = server.poll()) REQUIRE(answer(msg.text(), server));
  carry(server, client);
  while (kw::message const msg = client.poll()) REQUIRE(check(msg.text()));
  return back;
}

}  // namespace

TEST_CASE("steady state: 10,000 typed messages there and back allocate nothing") {
  kw::session client{kw::role::client};
  kw::session server{kw::role::server};
  auto const same = [](auto const& got) {
    if constexpr (requires { got.value; }) return got.name == "caf\xC3\xA9.txt" && got.value == 42.5 ? 1 : 0;
    return 0;
  };
  int back = 0;
  allocation_counter counter;
  for (int i = 0; i != 10'010; ++i) {
    if (i == 10) counter = {};
    back += echo(client, server, progress{"caf\xC3\xA9.txt", 42.5, i, i % 2 == 0}, same);
  }
  CHECK(counter.calls() == 0);
  CHECK(back == 10'010);
}

TEST_CASE("steady state: what is allocated is the struct's own strings and vectors, each once") {
  kw::session client{kw::role::client};
  kw::session server{kw::role::server};
  listing const message{{"a name that is too long for the string itself", "short"}};
  auto const same = [&](auto const& got) {
    if constexpr (requires { got.names; }) return got.names == message.names ? 1 : 0;
    return 0;
  };
  int back = 0;
  allocation_counter counter;
  for (int i = 0; i != 10'010; ++i) {
    if (i == 10) counter = {};
    back += echo(client, server, message, same);
  }
  // At both ends: the vector, and the one string.
  CHECK(counter.calls() == 10'000 * 2 * 2);
  CHECK(back == 10'010);
}

TEST_CASE("steady state: a few fields that the type does not have are looked at without an allocation") {
  std::string text = R"({"kind":"LISTING","names":[])";
  for (int index = 0; index != 15; ++index) text += ",\"unknown " + std::to_string(index) + "\":{}";
  text += '}';
  kw::dispatcher const on{[](listing const&) {}, [](kw::unknown_message) {}};
  allocation_counter const counter;
  REQUIRE(on(text));
  CHECK(counter.calls() == 0);
  text[9] = 'M';
  REQUIRE(on(text));
  CHECK(counter.calls() == 0);
}

TEST_CASE("a message full of fields that the type does not have costs a small multiple of its size") {
  std::string text = R"({"kind":"LISTING","names":[])";
  for (int index = 0; text.size() < 1 << 20; ++index) {
    text += ",\"";
    for (int left = index; left != 0; left /= 64)
      text += static_cast<char>('0' + left % 64 + (left % 64 >= 44));
    text += "\":0";
  }
  text += '}';
  allocation_counter const counter;
  REQUIRE(kw::decode<listing>(text));
  // All that was allocated, though not all at once.
  CHECK(counter.bytes() < 16 * text.size());
}
