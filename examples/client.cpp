// client: connects to a URL, sends each line of standard input as a text message, prints what comes back
#include <fcntl.h>
#include <unistd.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <kindwire/net/client.hpp>
#include <kindwire/net/reconnecting_websocket.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "client_options.hpp"
#include "client_output.hpp"

namespace kw = kindwire;

namespace {

enum exit_status : int { closed_normally, failed, bad_arguments, refused, closed_with_another_code };

bool input_failed = false;  // on the connection's thread, as all but the reading is

// The messages of standard input. Not by std::cin, which takes a failure, such as a directory or a disk's,
// for the end.
class input_messages {
 public:
  explicit input_messages(bool is_binary) : is_binary_(is_binary) {}

  // False at the end. Throws if it cannot be read.
  bool next(std::string& into) {
    into.clear();
    if (is_binary_) return read_more(into);
    for (std::size_t searched = 0;;) {
      std::size_t const end = rest_.find('\n', searched);
      if (end != rest_.npos) {
        into.assign(rest_, 0, end);
        rest_.erase(0, end + 1);
        return true;
      }
      searched = rest_.size();
      if (read_more(rest_)) continue;
      into.swap(rest_);
      return !into.empty();
    }
  }

 private:
  static bool read_more(std::string& to) {
    char piece[65536];
    ssize_t size = 0;
    do {
      size = ::read(STDIN_FILENO, piece, sizeof piece);
    } while (size < 0 && errno == EINTR);
    if (size < 0) throw std::runtime_error(std::string("standard input: ") + std::strerror(errno));
    to.append(piece, static_cast<std::size_t>(size));
    return size != 0;
  }

  bool const is_binary_;
  std::string rest_;  // read, and not yet a line
};

asio::awaitable<void> moment() {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(20));
  co_await timer.async_wait(asio::use_awaitable);
}

// Of a connection that does not come back.
asio::awaitable<void> send(kw::net::websocket& ws, kw::message msg) { co_await ws.send(msg); }
asio::awaitable<void> finish(kw::net::websocket& ws) {
  ws.try_close();
  co_return;
}
bool has_ended(kw::net::websocket const& ws) { return !ws.is_open(); }

// Of one that does: what waits for the next connection is bounded, so that the input has to wait too.
asio::awaitable<void> send(kw::net::reconnecting_websocket& ws, kw::message msg) {
  while (true) {
    std::error_code failure;
    co_await ws.send(msg, asio::redirect_error(asio::use_awaitable, failure));
    if (!failure) co_return;
    bool const may_fit_later = failure == kw::error::send_queue_full && ws.status().kept != 0;
    if (!may_fit_later) throw std::system_error(failure);
    co_await moment();
  }
}
asio::awaitable<void> finish(kw::net::reconnecting_websocket& ws) {
  auto const has_all_been_sent = [&] { return ws.status().connections != 0 && ws.status().kept == 0; };
  while (!has_all_been_sent() && ws.state() != kw::net::reconnect_state::closed) co_await moment();
  ws.try_close();
}
bool has_ended(kw::net::reconnecting_websocket const& ws) {
  return ws.state() == kw::net::reconnect_state::closed;
}

// Standard input is read by a thread of its own, since a file or a terminal cannot be awaited everywhere.
// Each message waits until the connection has room for more; the end of input closes it.
template <class Connection>
void send_input(Connection& ws, bool is_binary) {
  auto const type = is_binary ? kw::message_type::binary : kw::message_type::text;
  auto const on_connection = [&](auto work) {
    asio::co_spawn(ws.get_executor(), work, asio::use_future).get();
  };
  std::string problem;
  try {
    input_messages messages(is_binary);
    for (std::string input; messages.next(input);) {
      auto const bytes = std::as_bytes(std::span(input));
      if (!is_binary && !kw::is_utf8(bytes)) {
        throw std::runtime_error("the input is not UTF-8, which --binary takes");
      }
      on_connection([&]() -> asio::awaitable<void> { co_await send(ws, kw::message(type, bytes)); });
    }
  } catch (std::exception const& failure) {
    problem = failure.what();
  }
  on_connection([&]() -> asio::awaitable<void> {
    // If the connection has ended, the receiving side says why.
    if (!problem.empty() && !has_ended(ws)) {
      std::fprintf(stderr, "failed: %s\n", problem.c_str());
      input_failed = true;
    }
    co_await finish(ws);
  });
}

bool is_normal(kw::close_code code) {
  return code == kw::close_code::normal || code == kw::close_code::going_away ||
         code == kw::close_code::no_status;
}

void print_agreement(kw::net::websocket const& ws) {
  auto const agreed = [](char const* what, std::string_view which) {
    return which.empty() ? std::string() : std::string(what).append(printable(which)).append("\"");
  };
  std::fprintf(stderr, "connected%s%s\n", agreed(", subprotocol \"", ws.subprotocol()).c_str(),
               agreed(", extensions \"", ws.extensions()).c_str());
}

// Explains why there is no connection; if the server or a proxy refused it, with their answer. A 101 that
// breaks a rule does not count as a refusal.
int explain(kw::net::failed_try const& failure, bool is_verbose) {
  kw::response const& answer = failure.answer;
  if (answer.status == 0 || answer.status == 101) {
    std::fprintf(stderr, "failed: %s\n", one_line(failure.text).c_str());
    return failed;
  }
  bool const by_proxy = failure.phase == kw::net::connect_phase::proxy;
  bool const by_server = failure.error == kw::error::handshake_refused;
  // What else has an answer is a redirect.
  std::string const how = by_proxy ? "refused by the proxy" : by_server ? "refused" : failure.error.message();
  print_refusal(how, answer, is_verbose && by_proxy);
  return refused;
}

int explain(std::exception_ptr failure) {
  try {
    std::rethrow_exception(std::move(failure));
  } catch (std::exception const& thrown) {
    std::fprintf(stderr, "failed: %s\n", one_line(thrown.what()).c_str());
  }
  return failed;
}

// One connection, to its end.
asio::awaitable<int> talk(client_options const& given, kw::net::websocket& ws) {
  try {
    ws = co_await given.client.connect(co_await asio::this_coro::executor, given.url);
  } catch (kw::net::connect_error const& failure) {
    co_return explain({failure.phase(), failure.code(), failure.what(), failure.answer()}, given.is_verbose);
  }
  if (given.is_verbose) print_agreement(ws);

  // Detached: it may be waiting for a line when the connection ends, and the program ends with it.
  std::thread(send_input<kw::net::websocket>, std::ref(ws), given.is_binary).detach();
  std::error_code why;
  try {
    while (kw::message msg = co_await ws.receive()) print_message(msg, given.is_binary);
  } catch (std::system_error const& failure) {
    why = failure.code();
  }
  std::error_code unfinished;
  co_await ws.close(kw::close_code::normal, "", asio::redirect_error(asio::use_awaitable, unfinished));
  if (!why) why = unfinished;
  if (!why && is_normal(ws.close_code())) co_return closed_normally;
  std::fprintf(stderr, "failed: %u %s%s%s\n", static_cast<unsigned>(ws.close_code()),
               one_line(ws.close_reason()).c_str(), why ? ": " : "", why ? why.message().c_str() : "");
  co_return why ? failed : closed_with_another_code;
}

// One connection after another, until the input ends or another try would be in vain.
asio::awaitable<int> talk_again_and_again(client_options const& given, kw::net::reconnecting_websocket& ws) {
  kw::net::reconnect_options options;
  options.while_away = kw::net::away_policy::keep;
  options.max_kept = std::size_t{16} << 20;
  options.changed = [&ws](kw::net::reconnect_status const& now) {
    if (now.state == kw::net::reconnect_state::waiting) {
      kw::net::failed_try const& last = ws.last_failure();
      bool const has_tried = now.attempts != 0 && !last.text.empty();
      std::string const why = has_tried ? last.text : now.last_error ? now.last_error.message() : "closed";
      std::fprintf(stderr, "away: %s\n", one_line(why).c_str());
    } else if (now.state == kw::net::reconnect_state::open && now.connections > 1) {
      std::fputs("back\n", stderr);
    }
  };
  if (given.is_verbose) {
    options.opened = [](kw::net::websocket& fresh) -> asio::awaitable<void> {
      print_agreement(fresh);
      co_return;
    };
  }
  ws = kw::net::reconnecting_websocket(given.client, co_await asio::this_coro::executor, given.url,
                                       std::move(options));
  std::thread(send_input<kw::net::reconnecting_websocket>, std::ref(ws), given.is_binary).detach();
  while (kw::message msg = co_await ws.receive()) print_message(msg, given.is_binary);

  std::error_code const why = ws.why();
  if (!why) co_return closed_normally;
  if (why == kw::net::reconnect_error::closed_by_server) {
    auto const& last = ws.last_disconnection();
    std::fprintf(stderr, "failed: %u %s\n", static_cast<unsigned>(last.code), one_line(last.reason).c_str());
    co_return closed_with_another_code;
  }
  co_return explain(ws.last_failure(), given.is_verbose);
}

// Who has started us may have closed these. What is opened next, such as a socket, would take their places,
// and be read and written as them. So now the input is empty, what is printed fails, and errors go nowhere.
void occupy_standard_files() {
  constexpr int modes[] = {O_RDONLY, O_RDONLY, O_RDWR};
  for (int each = STDIN_FILENO; each <= STDERR_FILENO; ++each) {
    // The lowest that is free.
    if (::fcntl(each, F_GETFD) < 0 && ::open("/dev/null", modes[each]) != each) std::_Exit(failed);
  }
}

}  // namespace

int main(int count, char** values) try {
  occupy_standard_files();
  client_options const given = read_client_options(count, values);
  asio::io_context io;
  kw::net::websocket once;
  kw::net::reconnecting_websocket again;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  bool stopped = false;
  signals.async_wait([&](std::error_code, int) {
    if (!once.is_open() && !again.is_open()) std::_Exit(closed_normally);
    stopped = true;
    signals.clear();  // the second one ends the program
    once.try_close();
    again.try_close();
  });
  auto work = given.reconnects ? talk_again_and_again(given, again) : talk(given, once);
  asio::co_spawn(io, std::move(work), [&](std::exception_ptr failure, int status) {
    std::fflush(stdout);
    if (stopped) std::_Exit(closed_normally);
    if (failure) status = explain(failure);
    if (status == closed_normally && input_failed) status = failed;
    // The reading thread may still be inside read(): nothing may be destroyed under it.
    std::_Exit(status);
  });
  io.run();
} catch (std::exception const& failure) {
  std::fprintf(stderr, "client: %s\n", failure.what());
  return bad_arguments;
}
