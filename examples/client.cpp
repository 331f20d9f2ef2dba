// client: connects to a URL, sends each line of standard input as a text message, prints what comes back
#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <kindwire/net/client.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "arguments.hpp"
#include "compression.hpp"

namespace kw = kindwire;

namespace {

// Standard input is read by a thread of its own, since a file or a terminal cannot be awaited everywhere.
// Each line waits until the connection has room for more; the end of input closes it.
void send_lines(kw::net::websocket& ws) {
  auto const on_connection = [&](auto work) {
    asio::co_spawn(ws.get_executor(), work, asio::use_future).get();
  };
  try {
    for (std::string line; std::getline(std::cin, line);) {
      on_connection([&]() -> asio::awaitable<void> { co_await ws.send(line); });
    }
    on_connection([&]() -> asio::awaitable<void> {
      ws.try_close();
      co_return;
    });
  } catch (std::exception const&) {
    // The connection has ended; the receiving side says why.
  }
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char each) { return each < 0x20; }, ' ');
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

asio::awaitable<int> talk(std::string url, kw::net::connect_options options, kw::net::websocket& ws) {
  kw::response refusal;
  options.refusal = &refusal;
  try {
    ws = co_await kw::net::connect(co_await asio::this_coro::executor, url, options);
  } catch (std::system_error const& failure) {
    if (failure.code() == kw::error::handshake_refused) {
      std::fprintf(stderr, "refused: %u %s\n", refusal.status, one_line(refusal.body).c_str());
    } else {
      std::fprintf(stderr, "failed: %s\n", failure.what());
    }
    co_return 1;
  }

  // Detached: it may be waiting for a line when the connection ends, and the program ends with it.
  std::thread(send_lines, std::ref(ws)).detach();
  std::error_code why;
  try {
    while (kw::message msg = co_await ws.receive()) {
      std::fwrite(msg.text().data(), 1, msg.size(), stdout);
      std::fputc('\n', stdout);
      std::fflush(stdout);
    }
  } catch (std::system_error const& failure) {
    why = failure.code();
  }
  std::error_code unfinished;
  co_await ws.close(kw::close_code::normal, "", asio::redirect_error(asio::use_awaitable, unfinished));
  if (!why) why = unfinished;
  auto const code = ws.close_code();
  bool const clean = code == kw::close_code::normal || code == kw::close_code::going_away ||
                     code == kw::close_code::no_status;
  if (!why && clean) co_return 0;
  std::fprintf(stderr, "failed: %u %s%s%s\n", static_cast<unsigned>(code),
               one_line(std::string(ws.close_reason())).c_str(), why ? ": " : "",
               why ? why.message().c_str() : "");
  co_return 1;
}

}  // namespace

int main(int count, char** values) try {
  arguments given(count, values, "usage: client URL [--compression off|shared|small|full]\n");
  kw::net::connect_options options;
  options.connection.compression = compression_named(given.text("--compression", "off"));
  std::string const url = given.word();
  given.done();

  asio::io_context io;
  kw::net::websocket ws;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  bool stopped = false;
  signals.async_wait([&](std::error_code, int) {
    if (!ws.is_open()) std::_Exit(0);
    stopped = true;
    ws.try_close();
  });
  asio::co_spawn(io, talk(url, std::move(options), ws), [&](std::exception_ptr failure, int status) {
    std::fflush(stdout);
    if (stopped) std::_Exit(0);
    // The reading thread may still be inside std::getline: nothing may be destroyed under it.
    std::_Exit(failure ? 1 : status);
  });
  io.run();
} catch (std::exception const& failure) {
  std::fprintf(stderr, "client: %s\n", failure.what());
  return 2;
}
