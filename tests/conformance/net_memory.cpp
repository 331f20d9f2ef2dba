// What peers that never read may cost: each way of sending is bounded by the hard mark, in memory and not
// only in payload.
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/sanitized.hpp"

namespace net_memory_tests {

namespace kw = kindwire;

namespace {

constexpr std::size_t peers = 500;
constexpr std::size_t hard_mark = std::size_t{64} << 10;

using unix_socket = asio::basic_stream_socket<asio::local::stream_protocol, asio::io_context::executor_type>;

struct note {
  std::size_t size;
};
bool encode_text(kw::buffer& sink, note const& value) {
  auto const room = sink.prepare(value.size);
  std::fill_n(room.data(), value.size, std::byte{'x'});
  sink.commit(value.size);
  return true;
}

// Two descriptors a connection.
class many_descriptors {
 public:
  many_descriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    REQUIRE((limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 2 * peers + 50));
  }
  many_descriptors(many_descriptors const&) = delete;
  many_descriptors& operator=(many_descriptors const&) = delete;
  ~many_descriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

// What the process has in memory, in bytes.
std::size_t resident() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  unsigned long whole = 0, pages = 0;
  CHECK(std::fscanf(file, "%lu %lu", &whole, &pages) == 2);
  std::fclose(file);
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

struct crowd {
  crowd() {
    kw::net::connection_options options;
    options.send_queue_hard = hard_mark;
    options.send_queue_soft = hard_mark;
    for (std::size_t i = 0; i != peers; ++i) {
      unix_socket near(io), far(io);
      asio::local::connect_pair(near, far);
      near.set_option(asio::socket_base::send_buffer_size(4096));
      fars.push_back(std::move(far));
      nears.push_back(std::make_unique<kw::net::basic_websocket<unix_socket>>(std::move(near),
                                                                              kw::role::server, options));
      remotes.push_back(nears.back()->remote());
    }
    settle();
  }

  void settle() {
    io.restart();
    while (io.poll() != 0) continue;
  }

  asio::io_context io;
  std::vector<unix_socket> fars;
  std::vector<std::unique_ptr<kw::net::basic_websocket<unix_socket>>> nears;
  std::vector<kw::net::remote> remotes;
};

// What the memory of all of them grew by while `fill` sent to them: for the worst of them, one message more
// than the mark has been let in. A block holds twice what is in it at most, and two threads and a context
// keep 4 MiB of blocks each.
template <class Fill>
void check_growth(std::string const& way, std::size_t message_size, Fill fill) {
  crowd all;
  malloc_trim(0);
  std::size_t const before = resident();
  fill(all);
  std::size_t const after = resident();
  std::size_t queued = 0;
  for (auto const& each : all.nears) queued += each->queued();
  std::size_t const growth = after > before ? after - before : 0;
  [[maybe_unused]] std::size_t const bound =
      peers * 2 * (hard_mark + message_size) + 3 * (std::size_t{4} << 20);
  MESSAGE(way << ", " << message_size << " B: " << growth / peers << " B a connection, " << queued / peers
              << " B queued");
  CHECK(std::all_of(all.nears.begin(), all.nears.end(), [](auto const& each) { return each->is_open(); }));
#ifndef SANITIZED
  CHECK(growth <= bound);
#endif
}

}  // namespace

TEST_CASE("memory: five hundred peers that never read cost no more than the hard mark allows") {
  many_descriptors const there;
  for (std::size_t const size : {std::size_t{100}, std::size_t{40'000}}) {
    std::string const text(size, 'x');
    std::size_t const times = 2 * hard_mark / (size + 2) + 20;  // beyond the mark in every way
    check_growth("try_send", size, [&](crowd& all) {
      for (std::size_t round = 0; round != 4; ++round) {
        for (auto const& each : all.nears) {
          for (std::size_t i = 0; i != times / 4; ++i) each->try_send(text);
        }
        all.settle();
      }
    });
    check_growth("send, awaited", size, [&](crowd& all) {
      for (auto const& each : all.nears) {
        asio::co_spawn(
            all.io,
            [](auto& ws, std::string const& what, std::size_t count) -> asio::awaitable<void> {
              for (std::size_t i = 0; i != count; ++i) co_await ws.send(what);
            }(*each, text, times),
            asio::detached);
      }
      all.settle();
    });
    check_growth("remote.send", size, [&](crowd& all) {
      for (std::size_t round = 0; round != 4; ++round) {
        std::thread other([&] {
          for (auto const& each : all.remotes) {
            for (std::size_t i = 0; i != times / 4; ++i) each.send(text);
          }
        });
        other.join();  // nothing of it is taken meanwhile
        all.settle();
      }
    });
    check_growth("a value", size, [&](crowd& all) {
      for (std::size_t round = 0; round != 4; ++round) {
        for (std::size_t k = 0; k != peers; ++k) {
          for (std::size_t i = 0; i != times / 8; ++i) {
            all.nears[k]->try_send(note{size});
            all.remotes[k].send(note{size});
          }
        }
        all.settle();
      }
    });
    check_growth("behind a fragmented message", size, [&](crowd& all) {
      for (auto const& each : all.nears) each->try_send_fragment(kw::message_type::text, {}, false);
      for (std::size_t round = 0; round != 4; ++round) {
        for (auto const& each : all.remotes) {
          for (std::size_t i = 0; i != times / 4; ++i) each.send(text);
        }
        all.settle();
      }
    });
  }
  // Small ones, and nothing of them is taken: each counts with what it costs to keep it.
  check_growth("remote.send while the executor is busy", 1, [&](crowd& all) {
    for (auto const& each : all.remotes) {
      while (!each.send("x")) continue;
    }
  });
}

}  // namespace net_memory_tests
