// What all clients of a run share: whom they visit, for how long, and who is still under way.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <utility>

#include "journal.hpp"
#include "texts.hpp"

namespace soak {

// Where something is chosen: see chance.
enum class place : std::uint64_t { churn = 1, echo, feed, nuisance, proxy, faulty_proxy };

// Of one thread. It must outlive what was spawned.
struct world {
  asio::io_context& io;
  std::uint16_t port;
  std::uint64_t seed;
  journal& log;
  bool over = false;                              // nothing new is to be begun
  std::size_t held = 0;                           // visitors that only wait for the server to give them up
  std::map<std::string, std::size_t> alive = {};  // by what they are

  chance choices(place where, std::uint64_t index) const {
    return chance(seed, static_cast<std::uint64_t>(where), index);
  }

  std::size_t all_alive() const {
    std::size_t sum = 0;
    for (auto const& [what, count] : alive) sum += count;
    return sum;
  }

  void spawn(std::string what, asio::awaitable<void> work) {
    ++alive[what];
    asio::co_spawn(io, std::move(work), [this, what = std::move(what)](std::exception_ptr failure) {
      --alive[what];
      if (!failure) return;
      try {
        std::rethrow_exception(failure);
      } catch (std::exception const& thrown) {
        log.wrong(what + ": " + thrown.what());
      }
    });
  }
};

}  // namespace soak
