// The server of the soak: every kind of route, short time-outs, all limits. It is told what to do by lines on
// its standard input, and answers each with a line of `name value` words.
//
//     begin   a fresh server on a free port
//     state   what is alive now
//     trim    the same, after unused memory has gone back to the system
//     end     ends the server, its hub and its threads; then as `trim`
#include <dirent.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <kindwire/deflate.hpp>
#include <kindwire/hub.hpp>
#include <kindwire/net/server.hpp>
#include <optional>
#include <string>
#include <thread>

#include "../support/sanitized.hpp"
#include "stalls.hpp"
#include "texts.hpp"

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

std::atomic<int> handlers{0};

struct counted_handler {
  counted_handler() noexcept { ++handlers; }
  counted_handler(counted_handler const&) = delete;
  counted_handler& operator=(counted_handler const&) = delete;
  ~counted_handler() { --handlers; }
};

asio::awaitable<void> echo(kw::net::websocket& ws) {
  counted_handler const here;
  while (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
}

// Owns its websocket, and answers once.
asio::awaitable<void> echo_once(kw::net::websocket ws) {
  counted_handler const here;
  if (kw::message msg = co_await ws.receive()) co_await ws.send(msg);
  co_await ws.close();
}

// Sends as much as it may, whatever the peer reads.
asio::awaitable<void> pour(kw::net::websocket& ws) {
  counted_handler const here;
  std::string const drop(8192, 'x');
  asio::steady_timer timer(ws.get_executor());
  while (ws.is_open()) {
    while (!ws.try_send(drop)) continue;
    timer.expires_after(20ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<std::optional<kw::response>> think(kw::request const&) {
  counted_handler const here;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(40ms);
  co_await timer.async_wait(asio::use_awaitable);
  co_return std::nullopt;
}

std::size_t descriptors() {
  std::size_t count = 0;
  DIR* const all = ::opendir("/proc/self/fd");
  if (all == nullptr) return 0;
  while (::readdir(all) != nullptr) ++count;
  ::closedir(all);
  return count - 3;  // . and .. and the one that reads them
}

std::size_t resident() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  unsigned long whole = 0, pages = 0;
  if (file == nullptr) return 0;
  bool const read = std::fscanf(file, "%lu %lu", &whole, &pages) == 2;
  std::fclose(file);
  return read ? pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// Allocated and not freed, in all arenas.
std::size_t heap() {
  auto const all = ::mallinfo2();
  return all.uordblks + all.hblkhd;
}

kw::net::server_options options() {
  kw::net::server_options result;
  result.threads = 2;
  result.handle_signals = false;
  result.handshake_timeout = 2s;
  result.limits.connections = 4000;
  result.limits.connections_per_address = 64;
  result.limits.handshakes = 1000;
  result.limits.queued = std::size_t{4} << 20;
  result.limits.new_connections_per_address = {.per_second = 200, .burst = 400};
  auto& each = result.connection;
  each.ping_interval = 2s;
  each.pong_timeout = 4s;
  each.close_timeout = 2s;
  each.send_queue_soft = std::size_t{64} << 10;
  each.send_queue_hard = std::size_t{256} << 10;
  return result;
}

// One server with its hub and its threads, from the first to the last.
class service {
 public:
  service() : server_(options()), users_(server_.get_executor()), feed_(users_.room("feed", history())) {
    server_.websocket("/echo", echo);
    server_.websocket("/once", echo_once);
    // Longer queues than any that a client has who reads: these go first.
    auto full = options().connection;
    full.send_queue_hard = std::size_t{1} << 20;
    server_.websocket("/pour", pour, with(full));
    auto checked = with(options().connection);
    checked.before = think;
    server_.websocket("/checked", echo, std::move(checked));
    server_.websocket("/deflate", echo, with(compressing(kw::deflate::shared())));
    server_.websocket("/contexts", echo, with(compressing(kw::deflate::small())));
    auto rated = options().connection;
    rated.message_rate = {.per_second = 20, .burst = 20};
    rated.above_message_rate = kw::net::rate_policy::try_again_later;
    server_.websocket("/rated", echo, with(rated));
    server_.websocket("/feed/{name}", [this](kw::net::websocket& ws) { return attend(ws); });
    server_.websocket("/lobby/{room}", [this](kw::net::websocket& ws) { return meet(ws); });
    server_.get("/page", kw::net::html(std::string(20'000, 'p')));
    server_.start();
    publisher_ = std::thread([this] { publish(); });
    runner_ = std::thread([this] { server_.run(); });
  }
  service(service const&) = delete;
  service& operator=(service const&) = delete;
  ~service() {
    over_ = true;
    publisher_.join();
    server_.shutdown(kw::close_code::going_away, 5s, [](std::error_code) {});
    runner_.join();
  }

  void print() const {
    auto const counted = server_.counted();
    auto const refused = server_.refused();
    std::printf("port %u connections %zu handshakes %zu seats %zu rooms %zu published %ju slow %ju ",
                unsigned{server_.port()}, counted.connections, counted.handshakes, users_.size(),
                users_.rooms().size(), std::uintmax_t{published_.load()}, std::uintmax_t{feed_.closed()});
    std::printf("queued %zu too_long %ju refused %ju unanswered %ju ", counted.queued,
                std::uintmax_t{refused.queued},
                std::uintmax_t{refused.connections + refused.connections_per_address + refused.handshakes +
                               refused.new_connections_per_address},
                std::uintmax_t{refused.unanswered});
  }

 private:
  static kw::room_options history() { return {.history = 3000}; }
  static kw::net::route_options with(kw::net::connection_options const& of) {
    kw::net::route_options result;
    result.connection = of;
    return result;
  }
  template <class Preset>
  static kw::net::connection_options compressing(Preset preset) {
    auto result = options().connection;
    result.compression = std::move(preset);
    return result;
  }

  // A place in the feed, from the message on that the client had last.
  asio::awaitable<void> attend(kw::net::websocket& ws) {
    counted_handler const here;
    std::string const name(ws.request().parameter("name"));
    std::string const since = ws.request().query("since").value_or("");
    auto const seat = users_.join(name, ws);
    kw::enter_options past;
    past.since = since;
    if (!seat || !seat.enter("feed", past)) co_return;
    for (bool open = true; open;) open = static_cast<bool>(co_await ws.receive());
  }

  // A room that is there as long as somebody is in it.
  asio::awaitable<void> meet(kw::net::websocket& ws) {
    counted_handler const here;
    std::string const room(ws.request().parameter("room"));
    auto const seat = users_.join("somebody", ws);
    if (!seat || !seat.enter(room)) co_return;
    while (kw::message msg = co_await ws.receive()) seat.publish(room, msg.text());
  }

  void publish() {
    while (!over_) {
      feed_.publish(soak::feed_text(++published_));
      std::this_thread::sleep_for(10ms);
    }
  }

  kw::net::server server_;
  kw::hub<std::string> users_;
  kw::room<std::string> feed_;
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> published_{0};
  std::thread publisher_;
  std::thread runner_;
};

void print_process() {
#ifdef SANITIZED
  constexpr int sanitized = 1;
#else
  constexpr int sanitized = 0;
#endif
  std::printf("handlers %d descriptors %zu heap %zu resident %zu sanitized %d ", handlers.load(),
              descriptors(), heap(), resident(), sanitized);
}

}  // namespace

int main() try {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  // malloc_trim() gives back the end of the first arena only: with more, what is resident at the end depends
  // on where the last blocks of each thread lay.
  ::mallopt(M_ARENA_MAX, 1);
  soak::stall_watch watch;
  std::thread watcher([&] { watch.run(); });
  std::optional<service> running;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "begin") running.emplace();
    if (line == "end") running.reset();
    if (line == "end" || line == "trim") ::malloc_trim(0);
    if (running) running->print();
    print_process();
    std::printf("stalled_at %jd\n", static_cast<std::intmax_t>(watch.last()));
    std::fflush(stdout);
  }
  running.reset();
  watch.stop();
  watcher.join();
  return 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "soak_server: %s\n", failure.what());
  return 1;
}
