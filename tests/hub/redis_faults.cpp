// What a backplane over Redis does when Redis fails, lies, or wants a password.
#include <kindwire/hub/redis.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "backplane_sides.hpp"
#include "redis_server.hpp"

namespace redis_faults_tests {

namespace kw = kindwire;
using namespace std::chrono_literals;
using test::await;
using test::many_messages;
using test::no_log;
using test::plane_side;
using test::redis_server;
using test::strings;
using test::ten_messages;

namespace {

kw::redis_options quick() {
  kw::redis_options options;
  options.first_delay = 10ms;
  options.max_delay = 100ms;
  return options;
}

// Nodes that ask at one URL.
struct world {
  explicit world(std::string of) : url(std::move(of)) {}
  explicit world(redis_server const& server) : world("redis://127.0.0.1:" + std::to_string(server.port())) {}

  std::unique_ptr<kw::backplane> make() { return kw::redis_backplane{url, options}.make(io.get_executor()); }
  void wait(std::chrono::milliseconds time) {
    auto const end = std::chrono::steady_clock::now() + time;
    await(*this, [&] { return std::chrono::steady_clock::now() >= end; });
  }

  asio::io_context io;
  std::string url;
  kw::redis_options options = quick();
};

// All messages are heard once and in order by both, whatever happens meanwhile; a side is said to publish
// `each`.
template <class Fault>
void publish_through(world& at, plane_side& ann, plane_side& bob, Fault fault, std::size_t said = 0) {
  for (int i = 0; i != 300; ++i) {
    if (i == 150) fault();
    CHECK_FALSE((i % 2 == 0 ? ann : bob).say("a", std::to_string(i), many_messages));
    ++said;
    if (i % 8 == 0) at.io.restart(), at.io.run_for(1ms);
  }
  REQUIRE(await(at, [&] { return ann["a"].texts.size() >= said && bob["a"].texts.size() >= said; }));
  CHECK(ann["a"].texts.size() == said);
  CHECK(ann["a"].texts == bob["a"].texts);
  auto sorted = ann["a"].texts;
  std::sort(sorted.begin(), sorted.end());
  CHECK(std::unique(sorted.begin(), sorted.end()) == sorted.end());
  CHECK(ann.ears->mistakes().empty());
  CHECK(bob.ears->mistakes().empty());
}

void subscribe_both(world& at, plane_side& ann, plane_side& bob) {
  test::subscribe(at, ann, "a", many_messages);
  test::subscribe(at, bob, "a", many_messages);
  ann.plane->hold("a", "ann", "here");
  REQUIRE(await(at, [&] { return bob["a"].people.size() == 1; }));
}

// Answers every connection's first bytes with the same.
class liar {
 public:
  explicit liar(std::string answer) : answer_(std::move(answer)), thread_([this] { run(); }) {}
  ~liar() {
    asio::post(io_, [this] { io_.stop(); });
    thread_.join();
  }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

 private:
  struct talk {
    explicit talk(asio::io_context& io) : socket(io) {}
    asio::ip::tcp::socket socket;
    std::array<char, 4096> bytes;
  };
  void run() {
    accept();
    auto const guard = asio::make_work_guard(io_);
    io_.run();
  }
  void accept() {
    auto next = std::make_shared<talk>(io_);
    acceptor_.async_accept(next->socket, [this, next](std::error_code failure) {
      if (failure) return;
      accept();
      next->socket.async_read_some(asio::buffer(next->bytes), [this, next](std::error_code why, std::size_t) {
        if (why) return;
        asio::async_write(next->socket, asio::buffer(answer_),
                          [this, next](std::error_code, std::size_t) { hold(next); });
      });
    });
  }
  void hold(std::shared_ptr<talk> const& what) {
    what->socket.async_read_some(asio::buffer(what->bytes), [this, what](std::error_code why, std::size_t) {
      if (!why) hold(what);
    });
  }

  std::string const answer_;
  asio::io_context io_;
  asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::make_address("127.0.0.1"), 0}};
  std::thread thread_;
};

}  // namespace

TEST_CASE("redis: killed and started again with what it has written, it loses and doubles nothing") {
  redis_server server({"--save", "", "--appendonly", "yes", "--appendfsync", "always"});
  world at(server);
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  publish_through(at, ann, bob, [&] {
    server.kill();
    at.wait(300ms);  // several attempts fail meanwhile
    server.start();
  });
  CHECK(await(at, [&] { return bob["a"].people.size() == 1; }));
  CHECK(ann["a"].snapshots >= 2);
}

TEST_CASE("redis: started again from older data, it gives no number twice") {
  redis_server server({"--save", "", "--appendonly", "no"});
  world at(server);
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  ann.say("a", "1", many_messages);
  REQUIRE(await(at, [&] { return bob["a"].texts.size() == 1; }));
  server.ask("SAVE");
  for (auto const& each : test::numbered("", 2, 5)) ann.say("a", each, many_messages);
  REQUIRE(await(at, [&] { return ann["a"].texts.size() == 5 && bob["a"].texts.size() == 5; }));
  std::string const epoch = ann["a"].epoch;
  server.kill();
  server.start();
  for (auto const& each : test::numbered("", 6, 9)) bob.say("a", each, many_messages);
  REQUIRE(await(at, [&] { return ann["a"].texts.size() >= 9 && bob["a"].texts.size() >= 9; }));
  CHECK(ann["a"].texts == test::numbered("", 1, 9));
  CHECK(bob["a"].texts == test::numbered("", 1, 9));
  CHECK(ann["a"].epoch == epoch);
  CHECK(ann.ears->mistakes().empty());
}

TEST_CASE("redis: started again from older data, what was under way is published again, and told once") {
  for (bool const is_empty : {false, true}) {
    CAPTURE(is_empty);
    redis_server server;
    test::cut_proxy way(server.port());
    world at(server), behind("redis://127.0.0.1:" + std::to_string(way.port()));
    plane_side ann(behind), bob(at);
    test::subscribe(behind, ann, "a", many_messages);
    test::subscribe(at, bob, "a", many_messages);
    ann.say("a", "1", many_messages);
    REQUIRE(await(behind, [&] { return ann["a"].texts.size() == 1; }));
    REQUIRE(await(at, [&] { return bob["a"].texts.size() == 1; }));
    if (!is_empty) server.ask("SAVE");
    // Bob gets what Redis answers ann, who does not, before it is lost.
    server.pause();
    for (auto const each : {"2", "3"}) ann.say("a", each, many_messages);
    for (int i = 0; i != 100; ++i) behind.io.restart(), behind.io.poll();
    way.cut();
    server.go_on();
    REQUIRE(await(at, [&] { return bob["a"].texts.size() == 3; }));
    server.kill();
    server.start();
    way.mend();
    bob.say("a", "4", many_messages);
    REQUIRE(await(at, [&] {
      behind.io.restart(), behind.io.poll();
      return ann["a"].texts.size() >= 4 && bob["a"].texts.size() >= 4;
    }));
    ann.say("a", "5", many_messages);
    REQUIRE(await(at, [&] {
      behind.io.restart(), behind.io.poll();
      return ann["a"].texts.back() == "5" && bob["a"].texts.back() == "5";
    }));
    CHECK(bob["a"].texts == test::numbered("", 1, 5));
    auto heard = ann["a"].texts;
    std::sort(heard.begin(), heard.end());
    CHECK(heard == test::numbered("", 1, 5));
    CHECK(ann.ears->mistakes().empty());
    CHECK(bob.ears->mistakes().empty());
  }
}

TEST_CASE("redis: started again empty, it is another epoch, and all is subscribed and held again") {
  redis_server server;
  world at(server);
  at.options.node_term = 1min;  // nobody is lost only for want of time
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  std::string const epoch = ann["a"].epoch;
  server.kill();
  REQUIRE(await(at, [&] { return ann.ears->connection != std::error_code(); }));
  CHECK(ann.say("a", "not now") == std::errc::not_connected);
  CHECK_FALSE(ann.say("a", "later", many_messages));
  server.start();
  REQUIRE(
      await(at, [&] { return ann["a"].texts == strings{"later"} && bob["a"].texts == strings{"later"}; }));
  CHECK(ann["a"].epoch != epoch);
  CHECK(await(at, [&] { return bob["a"].people.size() == 1 && ann["a"].people.size() == 1; }));
  CHECK(std::count(bob.ears->events.begin(), bob.ears->events.end(), "lost") == 0);
}

TEST_CASE("redis: stopped for longer than its answers may take, it is found again") {
  redis_server server;
  world at(server);
  at.options.answer_timeout = 1s;
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  publish_through(
      at, ann, bob,
      [&] {
        server.pause();
        // What is in the old connection then is sent again in the next one, and carried out in both.
        for (int k = 1000; k != 1050; ++k) CHECK_FALSE(ann.say("a", std::to_string(k), many_messages));
        CHECK(
            await(at, [&] { return ann.ears->connection == std::errc::timed_out && bob.ears->connection; }));
        at.wait(500ms);
        server.go_on();
      },
      50);
}

TEST_CASE("redis: out of memory, it refuses what is kept, which is published as soon as there is room") {
  redis_server server;
  world at(server);
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  ann.say("a", "1", many_messages);
  REQUIRE(await(at, [&] { return bob["a"].texts.size() == 1; }));
  server.ask("CONFIG SET maxmemory 1");
  for (auto const& each : test::numbered("", 2, 20)) ann.say("a", each, many_messages);
  ann.plane->hold("a", "ann", "with more");
  ann.plane->hold("a", "new", "");
  bob.plane->subscribe("b", ten_messages);
  CHECK_FALSE(bob.say("a", "plain"));
  REQUIRE(await(at, [&] { return ann["a"].texts.size() == 2; }));
  CHECK(ann["a"].texts == strings{"1", "plain"});
  at.wait(600ms);
  CHECK(bob["a"].texts.size() == 2);
  CHECK(ann.ears->connection == std::error_code());
  CHECK(bob["b"].snapshots == 0);
  server.ask("CONFIG SET maxmemory 0");
  REQUIRE(await(at, [&] { return ann["a"].texts.size() == 21 && bob["a"].texts.size() == 21; }));
  strings expected{"1", "plain"};
  for (auto const& each : test::numbered("", 2, 20)) expected.push_back(each);
  CHECK(ann["a"].texts == expected);
  CHECK(bob["a"].texts == expected);
  CHECK(await(at, [&] { return bob["b"].snapshots == 1 && bob["a"].people.size() == 2; }));
}

TEST_CASE("redis: a node that was stopped for longer than its term is lost, and comes back") {
  redis_server server;
  world at(server);
  at.options.node_term = 2s;
  plane_side bob(at);
  test::subscribe(at, bob, "a");
  world elsewhere(server);
  elsewhere.options.node_term = 2s;
  plane_side ann(elsewhere);
  test::subscribe(elsewhere, ann, "a");
  ann.plane->hold("a", "ann", "here");
  REQUIRE(await(elsewhere, [&] {
    at.io.restart(), at.io.poll();
    return bob["a"].people.size() == 1;
  }));
  // Its context is run no more.
  REQUIRE(await(at, [&] { return bob["a"].people.empty(); }));
  CHECK(bob.ears->events.back() == "lost");
  CHECK(await(elsewhere, [&] {
    at.io.restart(), at.io.poll();
    return bob["a"].people.size() == 1 && ann["a"].snapshots >= 2;
  }));
  CHECK(bob.ears->mistakes().empty());
}

TEST_CASE("redis: a topic reaches those nodes alone that have subscribed to it") {
  redis_server server;
  world at(server);
  plane_side ann(at), bob(at);
  test::subscribe(at, ann, "a");
  test::subscribe(at, bob, "b");
  CHECK(server.ask("PUBSUB NUMSUB kw:0:a kw:0:b") == "*4\r\n$6\r\nkw:0:a\r\n:1\r\n$6\r\nkw:0:b\r\n:1\r\n");
  std::string const megabyte(std::size_t{1} << 20, 'm');
  ann.say("b", "to bob");
  for (int i = 0; i != 8; ++i) ann.say("a", megabyte);
  REQUIRE(await(at, [&] { return bob["b"].texts.size() == 1 && ann["a"].texts.size() == 8; }));
  bob.plane->unsubscribe("b");
  CHECK(await(at, [&] { return server.ask("PUBSUB NUMSUB kw:0:b") == "*2\r\n$6\r\nkw:0:b\r\n:0\r\n"; }));
}

TEST_CASE("redis: scripts that are gone are loaded again; what others publish on a channel is ignored") {
  redis_server server;
  world at(server);
  plane_side ann(at), bob(at);
  subscribe_both(at, ann, bob);
  server.ask("SCRIPT FLUSH");
  for (auto const each : {"PUBLISH kw:0:a L", "PUBLISH kw:0:a Lx", "PUBLISH kw:0:a H1", "PUBLISH kw:0:a ?"})
    server.ask(each);
  ann.say("a", "1", many_messages);
  CHECK(await(at, [&] { return ann["a"].texts == strings{"1"} && bob["a"].texts == strings{"1"}; }));
}

TEST_CASE("redis: a node is back at once when scripts are gone, and need not wait as for what lasts") {
  redis_server server;
  world at(server);
  at.options.max_delay = 24h;
  plane_side ann(at);
  test::subscribe(at, ann, "a", many_messages);
  server.ask("SCRIPT FLUSH");
  ann.say("a", "1", many_messages);
  CHECK(await(at, [&] { return ann["a"].texts == strings{"1"}; }));
}

TEST_CASE("redis: of more records than an answer may have, some are told, and all messages") {
  redis_server server;
  world at(server);
  at.options.max_reply = std::size_t{64} << 10;
  plane_side ann(at), bob(at);
  test::subscribe(at, ann, "a", many_messages);
  for (int i = 0; i != 400; ++i) ann.plane->hold("a", std::to_string(i), "");
  for (int i = 0; i != 400; ++i) ann.say("a", std::to_string(i), many_messages);
  REQUIRE(await(at, [&] { return ann["a"].people.size() == 400 && ann["a"].texts.size() == 400; }));
  test::subscribe(at, bob, "a", many_messages);
  CHECK(bob["a"].people.size() > 100);
  CHECK(bob["a"].people.size() < 400);
  CHECK(bob["a"].texts.size() > 150);
  CHECK(bob["a"].texts.back() == "399");
  ann.say("a", "new", many_messages);
  CHECK(await(at, [&] { return bob["a"].texts.back() == "new"; }));
  CHECK(bob.ears->connections == 1);
}

TEST_CASE("redis: a stream that opens after its attempt has ended is not read") {
  world at("rediss://127.0.0.1");
  struct told {
    std::vector<kw::detail::redis_stream::opened> calls;
    int reads = 0;
  } all;
  struct late final : kw::detail::redis_stream {
    explicit late(told& of) : tells(of) {}
    void connect(kw::detail::redis_address const&, opened call) override {
      tells.calls.push_back(std::move(call));
    }
    void read_some(asio::mutable_buffer, done) override { ++tells.reads; }
    void write(asio::const_buffer, done) override {}
    void close() noexcept override {}
    told& tells;
  };
  at.options.connect_timeout = 20ms;
  at.options.tls = [&](asio::any_io_executor const&) { return std::make_unique<late>(all); };
  plane_side ann(at);
  REQUIRE(await(at, [&] { return ann.ears->connection == std::errc::timed_out; }));
  all.calls.front()({});
  CHECK(all.reads == 0);
}

TEST_CASE("redis: programs with other prefixes and databases do not meet") {
  redis_server server;
  world first(server), second(server), third(server);
  second.options.prefix = "other:";
  third.url += "/3";
  plane_side ann(first), bob(second), col(third);
  test::subscribe(first, ann, "a", ten_messages);
  test::subscribe(second, bob, "a", ten_messages);
  test::subscribe(third, col, "a", ten_messages);
  ann.say("a", "1", ten_messages);
  bob.say("a", "2", ten_messages);
  col.say("a", "3", ten_messages);
  CHECK(await(first, [&] { return !ann["a"].texts.empty(); }));
  CHECK(await(second, [&] { return !bob["a"].texts.empty(); }));
  CHECK(await(third, [&] { return !col["a"].texts.empty(); }));
  CHECK(ann["a"].texts == strings{"1"});
  CHECK(bob["a"].texts == strings{"2"});
  CHECK(col["a"].texts == strings{"3"});
}

TEST_CASE("redis: a password, alone and with a user, and a wrong one, which is tried again") {
  redis_server server({"--save", "", "--requirepass", "p@ss:w/rd"});
  std::string const place = "127.0.0.1:" + std::to_string(server.port());
  for (auto const& user : {"", "default"}) {
    world at("redis://" + std::string(user) + ":p%40ss%3Aw%2Frd@" + place);
    plane_side ann(at);
    test::subscribe(at, ann, "a", ten_messages);
    CHECK(ann.say("a", "1") == std::error_code());
  }
  for (auto const& access : {"", ":wrong@", "nobody:p%40ss%3Aw%2Frd@"}) {
    world at("redis://" + std::string(access) + place);
    plane_side ann(at);
    REQUIRE(await(at, [&] { return ann.ears->connection == kw::redis_error::not_authorized; }));
    CHECK(ann.ears->connection.message().find("wrong") == std::string::npos);
  }
}

TEST_CASE("redis: a name that leads to two servers at once is tried again until it leads to one") {
  redis_server here, elsewhere;
  test::cut_proxy way(std::vector{here.port(), elsewhere.port(), here.port()});
  world at("redis://127.0.0.1:" + std::to_string(way.port()));
  plane_side ann(at), bob(at);
  bool was_told = false;  // it may be over soon
  for (auto* const each : {&ann, &bob}) {
    each->ears->on_each = [&was_told, each] {
      was_told = was_told || each->ears->connection == kw::redis_error::two_servers;
    };
  }
  REQUIRE(await(at, [&] { return was_told; }));
  subscribe_both(at, ann, bob);
  publish_through(at, ann, bob, [] {});
}

TEST_CASE("redis: over a Unix socket") {
  std::string const path = "/tmp/kindwire-redis-" + std::to_string(::getpid()) + ".sock";
  redis_server server({"--save", "", "--unixsocket", path});
  world at("unix://" + path);
  plane_side ann(at);
  test::subscribe(at, ann, "a", ten_messages);
  CHECK_FALSE(ann.say("a", "1"));
  CHECK(await(at, [&] { return ann["a"].texts == strings{"1"}; }));
  world nowhere("unix:///tmp/" + std::string(200, 'x'));
  plane_side bob(nowhere);
  CHECK(await(nowhere, [&] { return bob.ears->connection == std::errc::filename_too_long; }));
  std::filesystem::remove(path);  // a server that is killed leaves it
}

TEST_CASE("redis: nobody listens, a cluster, and what is not Redis, are each told as what they are") {
  struct one {
    std::string answer;
    std::error_code expected;
  };
  std::string const info = "# Server\r\nredis_mode:cluster\r\n";
  for (auto const& [answer, expected] : {
           one{"$" + std::to_string(info.size()) + "\r\n" + info + "\r\n", kw::redis_error::cluster},
           one{"HTTP/1.1 400 Bad Request\r\n\r\n", kw::redis_error::protocol},
           one{"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
               kw::redis_error::protocol},
           one{"*1000000000\r\n", kw::redis_error::reply_too_large},
           one{"-LOADING Redis is loading the dataset in memory\r\n", kw::redis_error::loading},
           one{"-ERR something else\r\n", kw::redis_error::refused},
           one{":1\r\n", kw::redis_error::protocol},
       }) {
    CAPTURE(answer);
    liar const server(answer);
    world at(server.url());
    plane_side ann(at);
    CHECK(await(at, [&] { return ann.ears->connection == expected; }));
  }
  world at("redis://127.0.0.1:" + std::to_string(test::free_port()));
  plane_side ann(at);
  CHECK(await(at, [&] { return ann.ears->connection == asio::error::connection_refused; }));
}

TEST_CASE("redis: an answer that never ends is cut off at its limit") {
  liar const server("$1000000000\r\n" + std::string(100000, 'x'));
  world at(server.url());
  at.options.max_reply = 50000;
  plane_side ann(at);
  CHECK(await(at, [&] { return ann.ears->connection == kw::redis_error::reply_too_large; }));
}

TEST_CASE("redis: of a log that is longer than an answer may be, the latest messages are read") {
  redis_server server;
  world at(server);
  at.options.max_reply = std::size_t{1} << 20;
  plane_side ann(at), bob(at);
  test::subscribe(at, ann, "a", many_messages);
  std::string const text(std::size_t{100} << 10, 't');
  for (int i = 0; i != 40; ++i) {
    ann.say("a", text, many_messages);
    REQUIRE(await(at, [&] { return ann["a"].last == static_cast<std::uint64_t>(i) + 1; }));
  }
  test::subscribe(at, bob, "a", many_messages);
  CHECK(bob["a"].last == 40);
  CHECK(bob["a"].texts.size() == 5);
  CHECK(bob["a"].forgotten == 35);
}

TEST_CASE("redis: what a node leaves behind expires") {
  redis_server server;
  world at(server);
  {
    plane_side ann(at);
    test::subscribe(at, ann, "a", ten_messages);
    ann.plane->hold("a", "ann", "here");
    ann.say("a", "1", ten_messages);
    REQUIRE(await(at, [&] { return ann["a"].texts.size() == 1 && ann["a"].people.size() == 1; }));
    for (auto const each : {"kw:{a}:at", "kw:{a}:log", "kw:{a}:held"})
      CHECK(server.ask("PTTL " + std::string(each)).size() > 6);  // not :-1, for ever
  }
  CHECK(await(at, [&] {
    return server.ask("KEYS kw:node:*") == "*0\r\n" && server.ask("KEYS kw:sent:*") == "*0\r\n";
  }));
}

}  // namespace redis_faults_tests
