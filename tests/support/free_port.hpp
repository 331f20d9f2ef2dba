// A port of 127.0.0.1 for a test that lets go of it, and comes back.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <system_error>

namespace test {

// Nobody listens there now, and no system gives it away by itself: Linux does so from 32768 on, others from
// 49152. So neither another test's port 0 takes it in between, nor a client's own port, which connected the
// client with itself.
inline std::uint16_t free_port() {
  std::random_device random;
  asio::io_context io;
  for (int tries = 0; tries != 1000; ++tries) {
    auto const port = static_cast<std::uint16_t>(10000 + random() % 22000);
    asio::ip::tcp::acceptor probe(io);
    probe.open(asio::ip::tcp::v4());
    std::error_code taken;
    probe.bind({asio::ip::make_address("127.0.0.1"), port}, taken);
    if (!taken) return port;
  }
  throw std::runtime_error("no port is free");
}

}  // namespace test
