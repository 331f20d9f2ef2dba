// chat: rooms with names, history, presence and typing notes, and their page
#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <kindwire/documents/asyncapi.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/exchange/serve.hpp>
#include <kindwire/hub.hpp>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/net/server.hpp>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#if defined(CHAT_WITH_REDIS)
#include <kindwire/hub/redis.hpp>
#endif

#include "arguments.hpp"
#include "chat_messages.hpp"
#include "chat_page.hpp"
#include "secure.hpp"

namespace kw = kindwire;

struct chat_options {
  std::size_t history = 200;              // messages of a room
  std::size_t latest = 50;                // of them, sent to a client without any
  std::chrono::milliseconds grace{5000};  // a page that is reloaded within it does not come and go
  std::string redis = {};                 // URL: the chats with the same one are the nodes of one chat
};

// Names are taken as they are given; a server with accounts would find them in route_options::before, by a
// cookie or a token. Connections with the same name belong to one person: several tabs, or one tab before and
// after its connection was lost.
class chat_server {
 public:
  using hub = kw::hub<std::string>;

  // `executor` must outlive it.
  chat_server(asio::any_io_executor const& executor, chat_options const& with)
      : with_(with), users_(hub_of(executor, with)) {
    users_.on_enter([this](std::string_view room, std::string const& who) { tell<chat::came>(room, who); });
    users_.on_leave([this](std::string_view room, std::string const& who) { tell<chat::went>(room, who); });
    users_.on_backplane([](std::error_code why_not) {
      if (why_not) std::fprintf(stderr, "chat: no connection with Redis: %s\n", why_not.message().c_str());
    });
  }

  // Greets a connection, whose name is_name().
  hub::seat join(std::string name, kw::net::websocket const& ws) {
    hub::seat me = users_.join(std::move(name), ws);
    if (!me) return me;
    chat::welcome hello{me.key(), users_.rooms()};
    if (hello.rooms.size() > most_suggested) hello.rooms.resize(most_suggested);
    me.send(hello);
    return me;
  }

  void enter(chat::enter const& to, hub::seat const& me) {
    if (!chat::is_name(to.room)) throw kw::message_refused("bad_room", "a room cannot be called that");
    try {
      if (users_.room(to.room).size() >= most_connections)
        throw kw::message_refused("room_full", to.room + " is full");
      std::size_t const latest = to.since.empty() ? with_.latest : 0;
      check(me.enter(to.room, {.since = to.since, .latest = latest}).error, to.room);
    } catch (std::system_error const& failure) {
      check(failure.code(), to.room);
    }
  }
  void leave(chat::leave const& from, hub::seat const& me) { me.leave(from.room); }
  void who(chat::who const& in, hub::seat const& me) {
    if (!chat::is_name(in.room)) throw kw::message_refused("not_in_room", "no room is called that");
    try {
      std::lock_guard const lock(telling_);
      chat::people now{in.room, {}};
      for (auto const& each : users_.room(in.room).people()) now.names.push_back(each.key);
      // In a room without anybody of this node, it does not know who is there.
      if (std::find(now.names.begin(), now.names.end(), me.key()) == now.names.end())
        check(std::make_error_code(std::errc::permission_denied), in.room);
      me.send(now);
    } catch (std::system_error const& failure) {
      check(failure.code(), in.room);
    }
  }
  void say(chat::say const& what, hub::seat const& me) {
    auto const now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    auto const why = me.publish(what.room, chat::said{me.key(), what.text, now, what.ref}).error;
    if (why == std::errc::no_buffer_space) throw kw::message_refused("busy", "too much waits for Redis");
    check(why, what.room);
  }
  void typing(chat::typing const& in, hub::seat const& me) {
    check(me.publish_to_others(in.room, chat::typing_note{in.room, me.key()}, {.keep = false}).error,
          in.room);
  }

 private:
  static constexpr std::size_t most_connections = 1000;  // of a node in a room
  static constexpr std::size_t most_rooms = 50;          // that a connection is in
  static constexpr std::size_t most_suggested = 50;      // rooms, to somebody who joins

  static kw::hub_options hub_options_of(chat_options const& with) {
    kw::hub_options options;
    options.rooms.history = with.history;
    options.rooms.history_time = std::chrono::hours(24);
    options.rooms.grace = with.grace;
    options.max_rooms = 1000;
    options.max_rooms_a_seat = most_rooms;
    return options;
  }
  static hub hub_of(asio::any_io_executor const& executor, chat_options const& with) {
    if (with.redis.empty()) return hub(executor, hub_options_of(with));
#if defined(CHAT_WITH_REDIS)
    return hub(executor, kw::redis_backplane(with.redis), hub_options_of(with));
#else
    throw std::runtime_error("built without hiredis, which --redis needs (apt install libhiredis-dev)");
#endif
  }

  // Every node is told of all who come and go, at whichever node, and tells only its own clients. If each
  // published it to all, everybody would hear it once for each node, and perhaps a late CAME after the WENT;
  // if only the person's node did, nobody would say that the people of a killed node are gone.
  // Locked, so that it is published before the names for a PEOPLE are read, or after that PEOPLE has been
  // sent.
  template <class Message>
  void tell(std::string_view room, std::string const& who) {
    std::lock_guard const lock(telling_);
    users_.room(room).publish(Message{std::string(room), who}, {.here_only = true});
  }

  // Errors of the hub become an ERROR, and the connection goes on.
  static void check(std::error_code why, std::string const& room) {
    if (!why || why == kw::error::closed) return;  // a closed one needs no answer
    if (why == std::errc::permission_denied)
      throw kw::message_refused("not_in_room", "enter " + room + " first");
    if (why == std::errc::no_buffer_space)
      throw kw::message_refused("too_many_rooms", "there are too many rooms");
    throw std::system_error(why);
  }

  chat_options const with_;
  std::mutex telling_;
  hub users_;
};

constexpr kw::dispatcher on{
    [](chat::enter const& to, chat_server& all, chat_server::hub::seat& me) { all.enter(to, me); },
    [](chat::leave const& from, chat_server& all, chat_server::hub::seat& me) { all.leave(from, me); },
    [](chat::who const& in, chat_server& all, chat_server::hub::seat& me) { all.who(in, me); },
    [](chat::say const& what, chat_server& all, chat_server::hub::seat& me) { all.say(what, me); },
    [](chat::typing const& in, chat_server& all, chat_server::hub::seat& me) { all.typing(in, me); },
};

asio::awaitable<void> talk(kw::net::websocket& ws, chat_server& all) {
  std::string const name(ws.request().parameter("name"));
  if (!chat::is_name(name)) {
    ws.try_send(kw::error_message{"bad_name", {}, "nobody can be called that"});
    co_await ws.close(kw::close_code::policy_violation, "bad name");
    co_return;
  }
  auto me = all.join(name, ws);
  if (me) co_await kw::serve(ws, on, all, me);
}

// The same, for the documents that --types and --asyncapi print. The page is checked against these types.
void describe(kw::protocol& api) {
  api.route("/chat/{name}", {.handler = "talk"})
      .serves(on)
      .sends<chat::welcome, kw::room_entered, chat::room_said, chat::people, chat::came, chat::went,
             chat::typing_note>();
}

// Only the page's own script and style run in it, which a fresh nonce tells (Content Security Policy 3 §7.1).
kw::response page(kw::request const&) {
  std::random_device random;
  std::string nonce;
  while (nonce.size() < 32) nonce += "0123456789abcdef"[random() & 15];
  std::string text = std::string(chat_page) + chat_script + "</script>\n</html>\n";
  for (std::size_t at; (at = text.find("NONCE")) != text.npos;) text.replace(at, 5, nonce);
  kw::response whole = kw::response::html(std::move(text));
  whole.headers.emplace_back("Content-Security-Policy",
                             "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'nonce-" +
                                 nonce +
                                 "'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                                 "frame-ancestors 'none'");
  whole.headers.emplace_back("Cache-Control", "no-store");
  whole.headers.emplace_back("Referrer-Policy", "no-referrer");
  whole.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return whole;
}

int main(int count, char** values) try {
  arguments given(
      count, values,
      "usage: chat [--port N] [--address IP] [--threads N] [--history MESSAGES] [--grace SECONDS]\n"
      "            [--redis URL] [--tls | --certificate FILE --key FILE]\n"
      "       chat --types | --asyncapi\n"
      "With the same --redis, chats on many machines are one. The client for terminals is chat_client.\n");
  if (bool const types = given.flag("--types"); types || given.flag("--asyncapi")) {
    given.done();
    kw::protocol api{{.title = "kindwire chat", .url = "ws://127.0.0.1:8080"}};
    describe(api);
    std::fputs((types ? kw::typescript(api) : kw::asyncapi(api)).c_str(), stdout);
    return 0;
  }
  kw::net::server_options options;
  options.port = given.number<std::uint16_t>("--port", 8080);
  options.address = given.text("--address", options.address);
  options.threads = given.number("--threads", options.threads);
  options.shutdown_timeout = std::chrono::seconds(5);
  options.connection.max_message_size = 65536;
  options.connection.message_rate = {.per_second = 20, .burst = 200};  // a page enters its rooms all at once
  chat_options with;
  with.history = std::max(std::size_t{1}, given.number("--history", with.history));
  with.grace = given.seconds("--grace", with.grace);
  with.redis = given.text("--redis", with.redis);
  secure const how(given);
  given.done();

  kw::net::server server{options};
  chat_server all{server.get_executor(), with};
  server.get("/", page);
  server.websocket("/chat/{name}", [&](kw::net::websocket& ws) { return talk(ws, all); });
  auto const port = how.start(server, options);
  bool const brackets = options.address.find(':') != options.address.npos;
  std::printf(brackets ? "%s://[%s]:%u/\n" : "%s://%s:%u/\n", how.http().c_str(), options.address.c_str(),
              static_cast<unsigned>(port));
  std::fflush(stdout);
  server.run();
  return 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "chat: %s\n", failure.what());
  return 1;
}
