// A context that several threads run.
#pragma once

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <thread>
#include <vector>

namespace support {

// Until it has nothing to do, which is not longer than anything should take.
inline void run_in_threads(asio::io_context& io, int threads) {
  constexpr std::chrono::seconds limit{30};
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&] { io.run_for(limit); });
  io.run_for(limit);
  for (auto& each : others) each.join();
  CHECK(io.stopped());
}

}  // namespace support
