// Starts the server of the soak, visits it in every good and bad way, and looks at what is left of that. See
// run.
#include <dirent.h>
#include <sys/resource.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../../examples/arguments.hpp"
#include "churn.hpp"
#include "healthy.hpp"
#include "journal.hpp"
#include "nuisances.hpp"
#include "proxy.hpp"
#include "raw_client.hpp"
#include "served.hpp"
#include "stalls.hpp"
#include "verdict.hpp"
#include "world.hpp"

namespace {

using namespace std::chrono_literals;
using soak::clock;
using soak::figures;

constexpr char const* usage =
    "usage: soak_load --server PROGRAM [--seconds 60] [--warm-up 10] [--rate 200] [--seed N]\n";

// All time-outs of a connection of the server, one after the other.
constexpr auto longest = 8s;

std::int64_t descriptors() {
  std::int64_t count = 0;
  DIR* const all = ::opendir("/proc/self/fd");
  if (all == nullptr) return 0;
  while (::readdir(all) != nullptr) ++count;
  ::closedir(all);
  return count - 3;
}

struct settings {
  std::string server;
  std::chrono::milliseconds time;
  std::chrono::milliseconds warm_up;
  std::size_t rate;
  std::uint64_t seed;
};

class run {
 public:
  run(asio::io_context& io, settings with) : io_(io), with_(std::move(with)), server_(io, with_.server) {}

  asio::awaitable<void> all() {
    auto const own = descriptors();
    outcome const warm = co_await round(with_.warm_up, with_.seed + 1);
    if (!warm.left.empty()) verdict_.check("the clients of the warm-up end", false, warm.left);
    log_ = {};
    outcome const real = co_await round(with_.time, with_.seed);
    print(real);
    verdict_.check("all clients end", real.left.empty(), real.left);
    verdict_.complaints(log_);
    verdict_.check("echoes, directly and by proxies", checked("echoes"));
    verdict_.check("messages of the feed, directly and by proxies", checked("messages of the feed"));
    verdict_.equal("half-open connections given up", at("half-open: given up by the server"),
                   at("half-open: begun"));
    verdict_.compare({warm.idle, warm.ended}, {real.idle, real.ended});
    verdict_.equal("descriptors of the load", descriptors(), own);
    verdict_.equal("exit status of the server", server_.end(), 0);
  }

  int result() { return verdict_.end(); }

 private:
  struct outcome {
    figures idle;
    figures ended;
    figures peak;
    std::uint64_t visitors = 0;
    std::chrono::milliseconds lasted{};
    std::string left;  // clients that have not ended
  };

  std::int64_t at(std::string const& what) const { return static_cast<std::int64_t>(log_.counted(what)); }
  bool checked(std::string const& what) const {
    return at("direct: " + what) != 0 && at("proxied: " + what) != 0 && at("cut: " + what) != 0;
  }

  void print(outcome const& of) const {
    verdict_.row("seconds", of.lasted.count() / 1000);
    verdict_.row("visitors", static_cast<std::int64_t>(of.visitors));
    verdict_.row("visitors a second",
                 static_cast<std::int64_t>(of.visitors) * 1000 / (of.lasted.count() + 1));
    for (auto const& [what, count] : log_.counts()) verdict_.row(what, static_cast<std::int64_t>(count));
    for (char const* const each :
         {"connections", "seats", "rooms", "descriptors", "queued", "heap", "resident"})
      verdict_.row("server: " + std::string(each) + ", at most", of.peak.at(each));
    for (char const* const each : {"published", "slow", "too_long", "refused", "unanswered"})
      verdict_.row("server: " + std::string(each), of.peak.at(each));
    verdict_.row("stalls of a process", static_cast<std::int64_t>(log_.stalls()));
  }

  asio::awaitable<outcome> round(std::chrono::milliseconds time, std::uint64_t seed) {
    outcome result;
    figures const begun = co_await server_.tell("begin");
    auto const port = static_cast<std::uint16_t>(begun.at("port"));
    skipped_ = 0;
    // It stays for clients that do not end.
    soak::world& in =
        *worlds_.emplace_back(std::make_unique<soak::world>(soak::world{io_, port, seed, log_}));
    soak::proxy& faithful = add_proxy(in, soak::place::proxy);
    soak::proxy& faulty = add_proxy(in, soak::place::faulty_proxy);
    begin_healthy(in, {{"direct", port}, {"proxied", faithful.port()}, {"cut", faulty.port(), true}});
    soak::begin_nuisances(in);
    auto const begin = clock::now();
    auto looked = begin;
    while (clock::now() - begin < time) {
      churn(in, begin, result.visitors);
      co_await soak::rest(10ms);
      if (clock::now() - looked < 1s) continue;
      looked = clock::now();
      note_peak(result.peak, co_await server_.tell("state"));
    }
    result.lasted = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin);
    in.over = true;
    // Generous: a machine may be slow, and what has not ended by then never will.
    auto const end = clock::now() + 60s;
    while (clock::now() < end && in.all_alive() != 0) co_await soak::rest(100ms);
    for (auto const& [what, count] : in.alive) {
      if (count != 0) result.left += std::to_string(count) + " of " + what + "; ";
    }
    for (bool busy = true; busy && clock::now() < end;) {
      figures const now = co_await server_.tell("state");
      busy = now.at("connections") != 0 || now.at("handlers") != 0;
      co_await soak::rest(100ms);
    }
    co_await soak::rest(longest);
    result.idle = co_await server_.tell("trim");
    result.ended = co_await server_.tell("end");
    faithful.stop();
    faulty.stop();
    co_await soak::rest(500ms);
    log_.stalled(result.ended["stalled_at"]);
    co_return result;
  }

  soak::proxy& add_proxy(soak::world& in, soak::place where) {
    bool const faulty = where == soak::place::faulty_proxy;
    return *proxies_.emplace_back(
        std::make_unique<soak::proxy>(io_, in.port, in.choices(where, 0).next(), faulty, log_));
  }

  // As many as are due by now; fewer, if those that came before have not got through yet.
  void churn(soak::world& in, clock::time_point begin, std::uint64_t& visitors) {
    constexpr std::size_t most_at_a_time = 150;
    std::size_t busy = 0;
    for (auto const& [what, count] : in.alive) {
      if (what.starts_with("churn")) busy += count;
    }
    busy -= in.held;
    auto const elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin);
    auto const due = static_cast<std::uint64_t>(elapsed.count()) * with_.rate / 1000;
    for (std::uint64_t more = due > skipped_ + visitors ? due - skipped_ - visitors : 0; more != 0; --more) {
      if (busy++ < most_at_a_time) {
        soak::visit(in, visitors++);
      } else {
        ++skipped_;
      }
    }
  }

  void begin_healthy(soak::world& in, std::vector<soak::way> const& ways) {
    std::uint64_t index = 0;
    for (auto const& by : ways) {
      for (std::string const path : {"/echo", "/deflate", "/contexts", "/checked"}) {
        in.spawn("echo " + by.name, keep<soak::echo_client>(in, ++index, by, path));
      }
      for (int i = 0; i != 3; ++i) in.spawn("feed " + by.name, keep<soak::feed_client>(in, ++index, by));
    }
  }
  template <class Client, class... Args>
  static asio::awaitable<void> keep(soak::world& in, std::uint64_t index, Args... args) {
    auto const one = std::make_unique<Client>(in, index, std::move(args)...);
    co_await one->run();
  }

  void note_peak(figures& peak, figures const& now) {
    for (auto const& [name, value] : now) peak[name] = (std::max)(peak[name], value);
    log_.stalled(now.at("stalled_at"));
    log_.stalled(watch.last());
  }

 public:
  soak::stall_watch watch;

 private:
  asio::io_context& io_;
  settings with_;
  soak::served server_;
  soak::journal log_;
  soak::verdict verdict_;
  std::vector<std::unique_ptr<soak::world>> worlds_;
  std::vector<std::unique_ptr<soak::proxy>> proxies_;
  std::uint64_t skipped_ = 0;
};

}  // namespace

int main(int count, char** values) try {
  arguments given(count, values, usage);
  settings with;
  with.server = given.text("--server", "");
  with.time = given.seconds("--seconds", 60s);
  with.warm_up = given.seconds("--warm-up", 10s);
  with.rate = given.number<std::size_t>("--rate", 200);
  with.seed = given.number<std::uint64_t>(
      "--seed", static_cast<std::uint64_t>(clock::now().time_since_epoch().count()));
  given.done();
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::printf("seed %ju\n", static_cast<std::uintmax_t>(with.seed));
  std::fflush(stdout);
  asio::io_context io{1};
  run whole(io, with);
  std::thread watcher([&] { whole.watch.run(); });
  std::string broken;
  asio::co_spawn(io, whole.all(), [&](std::exception_ptr failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (std::exception const& thrown) {
      broken = thrown.what();
    }
    io.stop();
  });
  io.run();
  whole.watch.stop();
  watcher.join();
  if (!broken.empty()) std::printf("FAILED the run itself: %s\n", broken.c_str());
  return whole.result() != 0 || !broken.empty() ? 1 : 0;
} catch (std::exception const& failure) {
  std::fprintf(stderr, "soak_load: %s\n", failure.what());
  return 1;
}
