// Servers over TLS that run in several threads, and clients of theirs that do: contexts and the sessions in
// them are shared, and messages, Closes and new certificates come from threads beside. To be run under the
// thread sanitizer.
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#include <kindwire/tls/acceptor.hpp>
#include <kindwire/tls/client.hpp>

#include <doctest/doctest.h>

#include <openssl/ssl.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "net/served_in_threads.hpp"
#include "support/sanitized.hpp"
#include "tls/pair.hpp"

#ifdef SANITIZED
// OpenSSL is compiled without the sanitizer, which does not see what its atomic counters put in order: the
// last owner frees what another thread has read. What OpenSSL calls by itself is left out; our callbacks are
// not.
extern "C" char const* __tsan_default_suppressions() {
  return "called_from_lib:libcrypto.so\ncalled_from_lib:libssl.so\n";
}
#endif

namespace acceptor_threads_tests {

using namespace tls_pair;
using namespace std::chrono_literals;

namespace {

// Connections that another thread sends to, and those that it is to close.
class remotes {
 public:
  void add(kw::net::remote one) {
    std::lock_guard const lock(mutex_);
    all_.push_back(std::move(one));
  }
  void add_to_close(kw::net::remote one) {
    std::lock_guard const lock(mutex_);
    to_close_.push_back(std::move(one));
  }

  // Returns how many errors there were but for closed.
  int work() {
    std::vector<kw::net::remote> all, to_close;
    {
      std::lock_guard const lock(mutex_);
      all = all_;
      to_close.swap(to_close_);
    }
    int errors = 0;
    for (auto const& each : all) {
      auto const failure = each.send("!from elsewhere");
      errors += failure && failure != kw::error::closed;
    }
    for (auto const& each : to_close) each.close(kw::close_code::going_away, "enough");
    return errors;
  }

 private:
  std::mutex mutex_;
  std::vector<kw::net::remote> all_, to_close_;
};

std::string text_of(int connection, int number) {
  constexpr std::array<std::size_t, 6> sizes{0, 1, 125, 3'000, 17'000, 70'000};
  std::string text = std::to_string(connection) + '/' + std::to_string(number) + ' ';
  for (std::size_t i = 0; i != sizes[static_cast<std::size_t>(number) % sizes.size()]; ++i)
    text += static_cast<char>('a' + (i * 7 + static_cast<std::size_t>(number)) % 26);
  return text;
}

// The next that is not from elsewhere.
asio::awaitable<kw::message> next_of(kw::net::websocket& ws) {
  for (;;) {
    kw::message msg = co_await ws.receive();
    if (!msg || !msg.text().starts_with('!')) co_return msg;
  }
}

struct visitors {
  static constexpr int connections = 24;
  static constexpr int rounds = 3;
  static constexpr int messages = 30;

  // Comes several times, so that sessions are resumed; the way it ends is another each time.
  asio::awaitable<void> visit(int number) {
    auto const here = co_await asio::this_coro::executor;
    for (int round = 0; round != rounds; ++round) {
      auto ws = co_await client.connect(here, uri);
      for (int i = 0; i != messages; i += 3) {
        for (int ahead = 0; ahead != 3; ++ahead) co_await ws.send(text_of(number, i + ahead));
        for (int ahead = 0; ahead != 3; ++ahead) {
          kw::message const msg = co_await next_of(ws);
          right += msg && msg.text() == text_of(number, i + ahead);
        }
      }
      switch ((number + round) % 3) {
        case 0: co_await ws.close(); break;
        case 1: outside.add_to_close(ws.remote()); break;
        case 2: co_await ws.send("close me"); break;
      }
      while (co_await ws.receive()) continue;
      auto const expected = (number + round) % 3 == 0 ? kw::close_code::normal : kw::close_code::going_away;
      ended_well += !ws.error() && ws.close_code() == expected;
    }
    ++done;
  }

  kw::net::client const client;
  std::string const uri;
  remotes outside = {};
  std::atomic<int> right{0}, ended_well{0}, done{0};
};

TEST_CASE("tls acceptor: servers and clients in several threads, used by others") {
  using test::served_in_threads;
  auto const authority = support::authority("threads");
  std::vector<kw::tls::server_options> certificates;
  for (int i = 0; i != 3; ++i) certificates.push_back(server_of(support::certificate({}, &authority)));
  for (auto const kind : {served_in_threads::kind::strands, served_in_threads::kind::runs_itself}) {
    CAPTURE(static_cast<int>(kind));
    served_in_threads by(kind, {});
    kw::tls::acceptor secure(by->get_executor(), certificates[0]);
    auto const replaced = secure.certificates();
    visitors all{.client = kw::net::client{{.tls = kw::tls::trust(trust(authority))}},
                 .uri = "wss://127.0.0.1:" + std::to_string(secure.port()) + "/echo"};
    by->websocket("/echo", [&](kw::net::websocket& ws) -> asio::awaitable<void> {
      all.outside.add(ws.remote());
      while (kw::message msg = co_await ws.receive()) {
        if (msg.text() == "close me") {
          all.outside.add_to_close(ws.remote());
        } else {
          co_await ws.send(msg);
        }
      }
    });
    by.start();
    by->listen(std::move(secure));

    std::atomic<bool> over{false};
    std::atomic<int> other_errors{0};
    std::vector<std::thread> beside;
    beside.emplace_back([&] {
      while (!over) {
        other_errors += all.outside.work();
        std::this_thread::sleep_for(2ms);
      }
    });
    beside.emplace_back([&] {
      for (std::size_t i = 1; !over; ++i) {
        replaced.replace(certificates[i % certificates.size()]);
        std::this_thread::sleep_for(2ms);
      }
    });
    asio::io_context io;
    std::atomic<int> failed{0};
    for (int i = 0; i != visitors::connections; ++i) {
      asio::co_spawn(asio::make_strand(io), all.visit(i), [&](std::exception_ptr why) { failed += !!why; });
    }
    std::vector<std::thread> running;
    for (int i = 0; i != 3; ++i) running.emplace_back([&] { io.run_for(300s); });
    for (auto& each : running) each.join();
    over = true;
    for (auto& each : beside) each.join();
    by.stop();
    CHECK(failed == 0);
    CHECK(other_errors == 0);
    CHECK(all.done == visitors::connections);
    CHECK(all.right == visitors::connections * visitors::rounds * visitors::messages);
    CHECK(all.ended_well == visitors::connections * visitors::rounds);
  }
}

TEST_CASE("tls stream: threads share the contexts of both ends, and the sessions in them") {
  support::certificate const own;
  kw::tls::context const serving(server_of(own)), trusting(trust(own));
  std::atomic<int> good{0}, resumed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i != 4; ++i) {
    threads.emplace_back([&] {
      asio::io_context io;
      for (int turn = 0; turn != 25; ++turn) {
        ends both(io, serving, trusting);
        both.shake_hands();
        std::error_code failure;
        both.server.write_some(asio::buffer("x", 1), failure);
        // Behind the ticket.
        std::array<char, 1> byte{};
        bool const came =
            run_until(io, [&] { return both.client.read_some(asio::buffer(byte), failure) != 0; });
        good += !both.server_failed && !both.client_failed && came && byte[0] == 'x';
        resumed += SSL_session_reused(both.client.native_handle()) == 1;
      }
    });
  }
  for (auto& each : threads) each.join();
  CHECK(good == 100);
  CHECK(resumed >= 90);
}

}  // namespace

}  // namespace acceptor_threads_tests
