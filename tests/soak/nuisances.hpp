// Clients that stay as long as they can, and use up what they can.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <kindwire/frame/opcode.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "journal.hpp"
#include "raw_client.hpp"
#include "texts.hpp"
#include "world.hpp"

namespace soak {

// Each lives again and again, until the run is over.
class nuisance {
 public:
  using life = asio::awaitable<void> (nuisance::*)(raw_client&);

  nuisance(world& in, std::uint64_t index, std::string what, life live, std::uint32_t address)
      : in_(in),
        index_(index),
        choose_(in.choices(place::nuisance, index)),
        what_(std::move(what)),
        live_(live),
        address_(address) {}

  asio::awaitable<void> run() {
    while (!in_.over) {
      raw_client client(in_.io.get_executor(), address_);
      in_.log.count("nuisance: " + what_);
      co_await act(client);
      client.reset();
      co_await rest(std::chrono::milliseconds(20));
    }
  }

  // Lets messages come in, but none out, or hardly any.
  asio::awaitable<void> read_slowly(raw_client& client) {
    std::string_view const path = choose_.one_in(2) ? "/pour" : "/feed/slow";
    if (bool const done = co_await open(client, path, 4096); !done) co_return;
    bool const at_all = choose_.one_in(2);
    for (std::size_t turns = 40 + choose_.below(100); turns != 0 && !in_.over; --turns) {
      bool more = true;
      if (at_all) more = co_await client.drop(1024);
      if (!more) break;
      co_await rest(std::chrono::milliseconds(200));
    }
  }

  // Sends what it does not want back.
  asio::awaitable<void> say_and_not_read(raw_client& client) {
    std::string_view const path = choose_.one_in(2) ? "/echo" : "/deflate";
    if (bool const done = co_await open(client, path, 4096); !done) co_return;
    std::string const bytes = masked_frame(kindwire::opcode::text, choose_.text(8000));
    for (bool taken = true; taken && !in_.over;) {
      taken = co_await client.say(bytes);
      co_await rest(std::chrono::milliseconds(2));
    }
  }

  asio::awaitable<void> flood_with_pings(raw_client& client) {
    if (bool const done = co_await open(client, "/echo", 0); !done) co_return;
    bool const reads = choose_.one_in(2);
    std::string const said = choose_.text(choose_.below(126));
    std::string batch;
    for (int i = 0; i != 50; ++i) batch += masked_frame(kindwire::opcode::ping, said);
    for (std::size_t turns = 100 + choose_.below(400); turns != 0 && !in_.over; --turns) {
      if (bool const done = co_await client.say(batch); !done) break;
      in_.log.count("nuisance: pings", 50);
      if (reads) {
        auto const back = co_await client.read();
        if (!back) break;
        if (back->type == kindwire::opcode::pong && back->payload != said)
          in_.log.wrong("ping flood " + std::to_string(index_) + ": the pong is of another ping");
      }
      co_await rest(std::chrono::milliseconds(10));
    }
  }

  // A request that never comes to its end.
  asio::awaitable<void> ask_slowly(raw_client& client) {
    if (bool const done = co_await client.connect(in_.port); !done) co_return;
    std::string const request = upgrade_request("/echo?" + choose_.text(200));
    for (char const& each : request) {
      bool const taken = co_await client.say(std::string_view(&each, 1));
      if (in_.over || !taken) break;
      co_await rest(std::chrono::milliseconds(150));
    }
  }

  // Frames that come byte by byte are to be answered as any other.
  asio::awaitable<void> talk_slowly(raw_client& client) {
    auto const begin = clock::now();
    if (bool const done = co_await open(client, "/echo", 0); !done) co_return;
    std::string const said = choose_.text(30);
    std::string const bytes = masked_frame(kindwire::opcode::text, said);
    for (char const& each : bytes) {
      if (bool const done = co_await client.say(std::string_view(&each, 1)); !done) break;
      if (!in_.over) co_await rest(std::chrono::milliseconds(100));
    }
    auto const back = co_await client.read_message();
    if (!back || back->payload != said) {
      in_.log.late(begin, "slow frames " + std::to_string(index_) + ": not answered");
    } else {
      in_.log.count("nuisance: answered slow frames");
    }
  }

  // Many at once, from one address.
  asio::awaitable<void> crowd(raw_client&) {
    for (std::size_t more = 100; more != 0; --more) {
      in_.spawn("crowd", [](world& in, std::uint32_t stay) -> asio::awaitable<void> {
        raw_client one(in.io.get_executor(), 0x7F040001U);
        if (bool const done = co_await one.connect(in.port); !done) co_return;
        unsigned const status = co_await one.open("/echo");
        in.log.count("nuisance: of a crowd, answered with " + std::to_string(status));
        co_await rest(std::chrono::milliseconds(stay));
        one.reset();
      }(in_, static_cast<std::uint32_t>(choose_.below(500))));
    }
    co_await rest(std::chrono::milliseconds(2000));
  }

 private:
  asio::awaitable<void> act(raw_client& client) { return (this->*live_)(client); }

  asio::awaitable<bool> open(raw_client& client, std::string_view path, int receive_buffer) {
    if (bool const done = co_await client.connect(in_.port, receive_buffer); !done) co_return false;
    unsigned const status = co_await client.open(path);
    co_return status == 101;
  }

  world& in_;
  std::uint64_t index_;
  chance choose_;
  std::string what_;
  life live_;
  std::uint32_t address_;
};

inline void begin_nuisances(world& in) {
  std::uint64_t index = 0;
  auto const some = [&](std::size_t many, std::string const& what, nuisance::life live,
                        std::uint32_t address) {
    for (std::size_t i = 0; i != many; ++i) {
      auto const one =
          std::make_shared<nuisance>(in, ++index, what, live, address + static_cast<std::uint32_t>(i % 4));
      in.spawn("nuisance: " + what,
               [](std::shared_ptr<nuisance> self) -> asio::awaitable<void> { co_await self->run(); }(one));
    }
  };
  some(16, "slow readers", &nuisance::read_slowly, 0x7F050001U);
  some(6, "those that only talk", &nuisance::say_and_not_read, 0x7F050101U);
  some(2, "ping floods", &nuisance::flood_with_pings, 0x7F050201U);
  some(24, "slowloris", &nuisance::ask_slowly, 0x7F050301U);
  some(4, "slow frames", &nuisance::talk_slowly, 0x7F050401U);
  some(1, "crowds", &nuisance::crowd, 0x7F050501U);
}

}  // namespace soak
