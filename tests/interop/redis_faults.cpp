// Three servers, Redis, 300 clients, and something that fails while they talk: in rooms with history each
// message must come to each member once, and a sender's in their order. Prints what was counted.
//
// usage: redis_faults [MESSAGES [FAULT…]]; it starts itself as `redis_faults serve ADDRESS PORT URL`
//
// On Linux it works in a network namespace of its own, where the system allows that: then servers can also be
// in namespaces of theirs, and be cut off by pulling a cable.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <kindwire/exchange/serve.hpp>
#include <kindwire/hub.hpp>
#include <kindwire/hub/redis.hpp>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/reader.hpp>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../hub/redis_server.hpp"
#include "own_network.hpp"

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

struct enter {
  std::string room;
  std::string since = {};
  static constexpr auto schema =
      kw::kind("ENTER", kw::field("room", &enter::room), kw::field("since", &enter::since, kw::defaulted));
};

struct say {
  std::string room;
  int number = 0;  // of the sender's messages; 0: asks whether those before have been published
  static constexpr auto schema =
      kw::kind("SAY", kw::field("room", &say::room), kw::field("number", &say::number));
};

struct said {
  std::string who;
  int number = 0;
  static constexpr auto schema =
      kw::kind("SAID", kw::field("who", &said::who), kw::field("number", &said::number));
};

// A server.

void serve(std::string const& address, std::uint16_t port, std::string const& url) {
  kw::net::server_options options;
  options.address = address;
  options.port = port;
  options.connection.send_queue_soft = std::size_t{16} << 20;
  options.connection.send_queue_hard = std::size_t{64} << 20;
  kw::net::server server{options};
  using hub = kw::hub<std::string>;
  kw::redis_options redis;
  redis.answer_timeout = 2s;
  redis.max_delay = 500ms;
  hub users{server.get_executor(),
            kw::redis_backplane{url, redis},
            {.rooms = {.history = 100000, .history_time = std::chrono::minutes(30)}}};
  kw::dispatcher on{
      [](enter const& to, hub::seat& me) { me.enter(to.room, {.since = to.since, .latest = 100000}); },
      [](say const& what, hub::seat& me) {
        me.publish(what.room, said{me.key(), what.number});
      },
  };
  server.websocket("/chat/{name}", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
    hub::seat me = users.join(std::string(ws.request().parameter("name")), ws);
    if (me) co_await kw::serve(ws, on, me);
  });
  server.run();
}

class server_process {
 public:
  server_process(std::string program, std::string url)
      : program_(std::move(program)), url_(std::move(url)), port_(test::free_port()) {
    start();
  }
  // In a network of its own: one cable is for Redis, the next one for clients.
  server_process(std::string program, std::uint16_t redis, int first_cable)
      : program_(std::move(program)),
        url_("redis://" + test::cable::near_end(first_cable) + ":" + std::to_string(redis)),
        port_(test::free_port()),
        first_cable_(first_cable) {
    start();
  }
  ~server_process() { kill(); }
  void start() {
    std::string const port = std::to_string(port_);
    test::network_gate const gate;
    process_ = ::fork();
    if (process_ == 0) {
      test::end_with_parent();
      char const* const address = first_cable_ == 0 ? "127.0.0.1" : "0.0.0.0";
      if (first_cable_ == 0 || gate.enter())
        ::execl(program_.c_str(), program_.c_str(), "serve", address, port.c_str(), url_.c_str(), nullptr);
      ::_exit(127);
    }
    if (first_cable_ == 0) return;
    gate.open([&] {
      to_redis_ = std::make_unique<test::cable>(first_cable_, process_);
      to_clients_ = std::make_unique<test::cable>(first_cable_ + 1, process_);
    });
  }
  void kill() noexcept {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  // host:port
  std::string authority() const {
    std::string const host = first_cable_ == 0 ? "127.0.0.1" : test::cable::far_end(first_cable_ + 1);
    return host + ":" + std::to_string(port_);
  }
  test::cable& to_redis() const noexcept { return *to_redis_; }

 private:
  std::string const program_;
  std::string const url_;
  std::uint16_t const port_;
  int const first_cable_ = 0;
  std::unique_ptr<test::cable> to_redis_;
  std::unique_ptr<test::cable> to_clients_;
  ::pid_t process_ = 0;
};

// The clients.

struct counts {
  std::size_t published = 0;  // and seen by the sender itself
  std::size_t received = 0;
  std::size_t doubled = 0;
  std::size_t lost = 0;
  std::size_t incomplete = 0;  // times that a client was told that it was too late
  std::size_t connections = 0;
};

constexpr int rooms = 100;
constexpr int members = 3;

class client {
 public:
  client(int number, int messages, std::vector<std::string> const& servers, counts& all)
      : name_("u" + std::to_string(number)),
        room_("r" + std::to_string(number % rooms)),
        messages_(messages),
        at_(static_cast<std::size_t>(number / rooms)),
        servers_(servers),
        all_(all) {}

  // Everything of every member of the room has come.
  bool is_done() const {
    if (heard_.size() != members) return false;
    for (auto const& [who, last] : heard_) {
      if (last < messages_) return false;
    }
    return true;
  }
  bool has_published(int part) const { return confirmed_ >= part; }
  std::string const& name() const { return name_; }
  std::map<std::string, int> const& heard() const { return heard_; }

  asio::awaitable<void> run() {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (!is_done()) {
      try {
        co_await talk();
      } catch (std::exception const&) {}
      ++at_;  // the next server
      pause.expires_after(std::chrono::milliseconds(20));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }

 private:
  static constexpr int most_unconfirmed = 16;

  asio::awaitable<void> talk() {
    std::string const url = "ws://" + servers_[at_ % servers_.size()] + "/chat/" + name_;
    kw::net::connect_options options;
    options.handshake_timeout = 5s;
    kw::net::websocket ws = co_await kw::net::connect(co_await asio::this_coro::executor, url, options);
    ++all_.connections;
    enter const entering{room_, last_id_};  // g++ 12 copies no temporary of such a type into a coroutine
    co_await ws.send(entering);
    // What was under way when the connection broke has been published, or never will be, before this comes
    // back.
    is_asking_ = true;
    say const question{room_, 0};
    co_await ws.send(question);
    while (kw::message text = co_await ws.receive()) {
      if (auto const entered = kw::decode<kw::room_entered>(text.text())) {
        if (!entered->complete && !last_id_.empty()) ++all_.incomplete;
        if (last_id_.empty()) last_id_ = entered->id;
        continue;
      }
      auto const outer = kw::decode<kw::room_message>(text.text());
      if (!outer) continue;
      last_id_ = outer->id;
      if (auto const inner = kw::decode<said>(outer->message.text)) take(*inner);
      while (!is_asking_ && sent_ < messages_ && sent_ - confirmed_ < most_unconfirmed) {
        ++sent_;
        say const next{room_, sent_};
        co_await ws.send(next);
      }
    }
  }

  void take(said const& what) {
    if (what.number == 0) {
      if (what.who != name_ || !is_asking_) return;
      is_asking_ = false;
      sent_ = confirmed_;
      return;
    }
    ++all_.received;
    int& last = heard_[what.who];
    if (what.number <= last) {
      ++all_.doubled;
    } else {
      all_.lost += static_cast<std::size_t>(what.number - last - 1);
      last = what.number;
    }
    if (what.who != name_) return;
    ++all_.published;
    confirmed_ = std::max(confirmed_, what.number);
  }

  std::string const name_;
  std::string const room_;
  int const messages_;
  std::size_t at_;
  std::vector<std::string> const& servers_;
  counts& all_;
  std::string last_id_;
  std::map<std::string, int> heard_;
  int sent_ = 0;
  int confirmed_ = 0;
  bool is_asking_ = false;
};

// The faults.

struct scene {
  explicit scene(bool has_cables) : redis(redis_arguments(has_cables)) {}
  static test::redis_server::arguments redis_arguments(bool has_cables) {
    // What is answered has been written: "everysec" puts that off for seconds while the disk is slow, and a
    // Redis that is killed then has lost it.
    test::redis_server::arguments all{"--save", "", "--appendonly", "yes", "--appendfsync", "no"};
    // In a network of the test's own, where nobody else is.
    if (has_cables) all.insert(all.end(), {"--bind", "0.0.0.0", "--protected-mode", "no"});
    return all;
  }

  test::redis_server redis;
  std::vector<std::unique_ptr<test::cut_proxy>> ways;
  std::vector<std::unique_ptr<server_process>> servers;
};

using fault = std::function<asio::awaitable<void>(scene&)>;

asio::awaitable<void> wait(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

std::string const cables_pulled = "cables-pulled";

std::map<std::string, fault> const faults{
    {"none", [](scene&) -> asio::awaitable<void> { co_return; }},
    {"redis-killed",
     [](scene& at) -> asio::awaitable<void> {
       at.redis.kill();
       co_await wait(2s);
       at.redis.start();
     }},
    {"redis-paused",
     [](scene& at) -> asio::awaitable<void> {
       at.redis.pause();
       co_await wait(10s);
       at.redis.go_on();
     }},
    {"redis-out-of-memory",
     [](scene& at) -> asio::awaitable<void> {
       at.redis.ask("CONFIG SET maxmemory 1");
       co_await wait(3s);
       at.redis.ask("CONFIG SET maxmemory 0");
     }},
    {"server-killed",
     [](scene& at) -> asio::awaitable<void> {
       at.servers[1]->kill();
       co_await wait(2s);
       at.servers[1]->start();
     }},
    {"network-cut",
     [](scene& at) -> asio::awaitable<void> {
       for (std::size_t i = 0; i != 6; ++i) {
         at.ways[i % 3]->cut();
         co_await wait(500ms);
         at.ways[i % 3]->mend();
         co_await wait(200ms);
       }
     }},
    {cables_pulled,
     [](scene& at) -> asio::awaitable<void> {
       // Longer than it takes to notice, and shorter.
       for (auto const time : {4000ms, 300ms, 6000ms}) {
         for (std::size_t i = 0; i != 2; ++i) {
           at.servers[i]->to_redis().pull();
           co_await wait(time);
           at.servers[i]->to_redis().mend();
           co_await wait(200ms);
         }
       }
     }},
};

bool play(std::string const& program, std::string const& name, fault const& what, int messages) {
  scene at(name == cables_pulled);
  std::vector<std::string> servers;
  for (int i = 0; i != members; ++i) {
    if (name == cables_pulled) {
      at.servers.push_back(std::make_unique<server_process>(program, at.redis.port(), 2 * i + 1));
    } else {
      at.ways.push_back(std::make_unique<test::cut_proxy>(at.redis.port()));
      at.servers.push_back(std::make_unique<server_process>(
          program, "redis://127.0.0.1:" + std::to_string(at.ways.back()->port())));
    }
    servers.push_back(at.servers.back()->authority());
  }
  asio::io_context io;
  counts all;
  int const each = std::max(messages / (rooms * members), 2);
  std::vector<std::unique_ptr<client>> clients;
  for (int i = 0; i != rooms * members; ++i)
    clients.push_back(std::make_unique<client>(i, each, servers, all));
  for (auto const& one : clients) asio::co_spawn(io, one->run(), asio::detached);

  auto const began = std::chrono::steady_clock::now();
  std::size_t const total = static_cast<std::size_t>(each) * clients.size();
  bool is_over = false, has_begun = false;
  auto last_change = began;
  std::size_t last_received = 0;
  while (!is_over) {
    io.restart();
    io.run_for(50ms);
    if (!has_begun && all.published > total / 3) {
      has_begun = true;
      asio::co_spawn(io, what(at), asio::detached);
    }
    is_over = true;
    for (auto const& one : clients) is_over = is_over && one->is_done();
    auto const now = std::chrono::steady_clock::now();
    if (all.received != last_received) last_change = now;
    last_received = all.received;
    if (now - last_change > 2min) break;  // what has not come will not
  }
  auto const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::size_t missing = 0;
  for (auto const& one : clients) {
    std::size_t heard = 0;
    for (auto const& [who, last] : one->heard()) heard += static_cast<std::size_t>(last);
    missing += static_cast<std::size_t>(each) * members - heard;
  }
  bool const good = is_over && all.doubled == 0 && all.lost == 0 && all.incomplete == 0;
  std::printf(
      "%s %s: %zu published by %zu clients, %zu received of %zu, %zu doubled, %zu skipped, %zu missing, "
      "%zu told too late, %zu connections, %.1f s\n",
      good ? "ok" : "FAILED", name.c_str(), all.published, clients.size(), all.received, total * members,
      all.doubled, all.lost, missing, all.incomplete, all.connections, seconds);
  std::fflush(stdout);
  return good;
}

}  // namespace

int main(int count, char** values) try {
  std::vector<std::string> const words(values + 1, values + count);
  if (words.size() == 4 && words[0] == "serve") {
    serve(words[1], static_cast<std::uint16_t>(std::stoi(words[2])), words[3]);
    return 0;
  }
  bool const has_network = test::enter_own_network();
  ::signal(SIGPIPE, SIG_IGN);
  int const messages = words.empty() ? 20000 : std::stoi(words[0]);
  int passed = 0, failed = 0;
  for (auto const& [name, what] : faults) {
    if (words.size() > 1 && std::find(words.begin() + 1, words.end(), name) == words.end()) continue;
    if (name == cables_pulled && !has_network) {
      std::printf("left out: %s, as this system allows no network of one's own\n", name.c_str());
      continue;
    }
    ++(play(values[0], name, what, messages) ? passed : failed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "redis_faults: %s\n", failure.what());
  return 1;
}
