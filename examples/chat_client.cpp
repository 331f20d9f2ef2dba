// chat_client: a client of chat for terminals and scripts: says each line of its input, prints what is said
#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/writer.hpp>
#include <kindwire/net/client.hpp>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "arguments.hpp"
#include "chat_messages.hpp"

namespace kw = kindwire;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_unsaid = 50;  // lines that may wait for the server; then no more are read

// The address that chat prints, or any other, with the path of a name.
std::string address_of(std::string url, std::string_view name) {
  if (url.starts_with("http")) url.replace(0, 4, "ws");
  while (url.ends_with('/')) url.pop_back();
  url += "/chat/";
  for (char const each : name) {
    auto const byte = static_cast<unsigned char>(each);
    url += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
  }
  return url;
}

std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char each) { return (each & 0xC0) != 0x80; }));
}

// One line, whatever it is: no text of others moves the cursor or looks like a line of somebody else.
std::string one_line(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    std::string_view const before = text;
    char32_t const c = next_code_point(text);
    line += is_deceptive(c) ? " " : before.substr(0, before.size() - text.size());
  }
  return line;
}

void print(std::string const& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}
void complain(std::string const& why) { std::fprintf(stderr, "chat_client: %s\n", one_line(why).c_str()); }

// Runs on one thread.
class chatter {
 public:
  chatter(asio::io_context& io, std::string url, std::string room)
      : io_(io), url_(std::move(url)), room_(std::move(room)), pause_(io), has_room_(io), patience_(io) {}

  // Comes back whenever the connection is lost, until there is nothing left to do.
  asio::awaitable<void> run() {
    while (!is_over_) {
      std::string why = co_await visit();
      is_here_ = false;
      if (is_over_) break;
      auto const most = std::min<std::chrono::milliseconds>(15s, 500ms * (1 << std::min(failures_++, 5u)));
      std::uniform_int_distribution<long> some(most.count() / 2, most.count());  // not all at the same moment
      complain(why + "; trying again");
      pause_.expires_after(std::chrono::milliseconds(some(random_)));
      std::error_code cut_short;
      co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, cut_short));
    }
  }

  // The program's status, once it is over.
  int outcome() const {
    if (!unsaid_.empty()) complain("lines that may not have been said: " + std::to_string(unsaid_.size()));
    return is_refused_ || !unsaid_.empty() ? 1 : 0;
  }

  // Waits while too many lines do. False once there is no use in more.
  asio::awaitable<bool> take(std::string line) {
    while (unsaid_.size() >= most_unsaid && !is_over_) {
      has_room_.expires_after(24h);
      std::error_code there_is;
      co_await has_room_.async_wait(asio::redirect_error(asio::use_awaitable, there_is));
    }
    if (is_over_) co_return false;
    if (line.ends_with('\r')) line.pop_back();
    if (line == "/quit") co_return false;
    if (line == "/who") {
      who();
    } else if (line.starts_with('/') && !line.starts_with("//")) {
      complain("there is /who, /quit, and //… to say /…");
    } else if (!kw::is_utf8(line)) {
      complain("a line that is not UTF-8");
    } else {
      if (line.starts_with('/')) line.erase(0, 1);
      if (length_of(line) > chat::longest_text)
        complain("a line that is too long");
      else if (!line.empty())
        say(std::move(line));
    }
    co_return true;
  }

  // Ends once everything is said, which is not waited for for ever.
  void finish() {
    is_finishing_ = true;
    if (unsaid_.empty()) return end();
    patience_.expires_after(30s);
    patience_.async_wait([this](std::error_code stopped) {
      if (!stopped) end();
    });
  }
  void end() {
    is_over_ = true;
    pause_.cancel();
    has_room_.cancel();
    patience_.cancel();
    ws_.try_close();
    if (!ws_.is_open()) io_.stop();
  }

  // What the server sends.

  void operator()(kw::room_entered const& room) {
    entered_ = room.id;
    is_fresh_ = false;
    ws_.try_send(chat::who{room_});
    if (!last_.empty() && !room.complete) print("* messages may be missing here");
  }
  void operator()(chat::room_said const& what) {
    last_ = what.id;
    is_fresh_ = true;
    auto const& [who, text, time, ref] = what.message;
    // What was said again after a break, to be sure, may have been said already.
    if (!ref.empty()) {
      if (!seen_.insert(who + ' ' + ref).second) return;
      in_order_.push_back(who + ' ' + ref);
      if (in_order_.size() > 1000) {
        seen_.erase(in_order_.front());
        in_order_.pop_front();
      }
    }
    print(one_line(who) + ": " + one_line(text));
    if (std::erase_if(unsaid_, [&](chat::say const& each) { return each.ref == ref && who == name_; }) == 0)
      return;
    has_room_.cancel();
    if (is_finishing_ && unsaid_.empty()) end();
  }
  // Comes after all that was missed, and makes up for the comings and goings before it.
  void operator()(chat::people const& now) {
    if (!is_fresh_) last_ = entered_;
    people_ = {now.names.begin(), now.names.end()};
    is_here_ = true;
    failures_ = 0;
    for (auto const& each : unsaid_) ws_.try_send(each);
  }
  void operator()(chat::came const& one) {
    if (is_here_ && people_.insert(one.who).second) print("* " + one_line(one.who) + " came in");
  }
  void operator()(chat::went const& one) {
    if (is_here_ && people_.erase(one.who) != 0) print("* " + one_line(one.who) + " left");
  }
  void operator()(chat::welcome const& us) {
    name_ = us.name;
    ws_.try_send(chat::enter{room_, last_});
  }
  void operator()(kw::error_message const& why) {
    complain(why.message.empty() ? why.code : why.message);
    if (is_here_) return;
    is_refused_ = true;  // the name, or the room
    end();
  }

 private:
  // Returns why it ended.
  asio::awaitable<std::string> visit() {
    kw::dispatcher const on{
        [this](kw::room_entered const& each) { (*this)(each); },
        [this](chat::room_said const& each) { (*this)(each); },
        [this](chat::people const& each) { (*this)(each); },
        [this](chat::came const& each) { (*this)(each); },
        [this](chat::went const& each) { (*this)(each); },
        [this](chat::welcome const& each) { (*this)(each); },
        [this](kw::error_message const& each) { (*this)(each); },
        [](kw::unknown_message const&) {},  // typing notes, and what later servers say
    };
    try {
      ws_ = co_await client_.connect(io_, url_);
      if (is_over_) co_return "";
      while (kw::message const msg = co_await ws_.receive()) {
        if (auto const outcome = on(msg.text()); !outcome) complain(outcome.error().message());
      }
      co_return "the server has closed the connection: " + kw::to_string(ws_.close_code());
    } catch (kw::net::connect_error const& failure) {
      if (auto const status = failure.answer().status; status >= 400 && status < 500 && status != 429) {
        is_refused_ = is_over_ = true;
        complain(failure.what());
      }
      co_return failure.what();
    } catch (std::system_error const& failure) {
      co_return failure.what();
    }
  }

  void say(std::string text) {
    std::string ref;
    while (ref.size() < 24) ref += "0123456789abcdef"[random_() & 15];
    unsaid_.push_back({room_, std::move(text), std::move(ref)});
    if (is_here_) ws_.try_send(unsaid_.back());
  }
  void who() const {
    std::string line;
    for (auto const& each : people_) line += (line.empty() ? "" : ", ") + one_line(each);
    print("* " + (is_here_ ? "here: " + line : "not connected"));
  }

  asio::io_context& io_;
  std::string const url_;
  std::string const room_;
  std::string name_;  // as the server knows us
  kw::net::client const client_;
  kw::net::websocket ws_;
  asio::steady_timer pause_;     // until it tries again
  asio::steady_timer has_room_;  // for one more line
  asio::steady_timer patience_;  // at the end
  std::random_device random_;
  std::string last_;     // the id of the last message
  std::string entered_;  // where a recovery ends
  bool is_fresh_ = false;
  std::deque<chat::say> unsaid_;  // that have not come back
  std::set<std::string> seen_;
  std::deque<std::string> in_order_;
  std::set<std::string> people_;
  unsigned failures_ = 0;
  bool is_here_ = false;
  bool is_finishing_ = false;
  bool is_over_ = false;
  bool is_refused_ = false;
};

// Standard input is read by a thread of its own, since a file or a terminal cannot be awaited everywhere.
void read_lines(asio::io_context& io, chatter& us) {
  try {
    for (std::string line; std::getline(std::cin, line);) {
      if (!asio::co_spawn(io, us.take(std::move(line)), asio::use_future).get()) break;
    }
    asio::post(io, [&us] { us.finish(); });
  } catch (std::exception const&) {
    // The program ends.
  }
}

}  // namespace

int main(int count, char** values) try {
  arguments given(
      count, values,
      "usage: chat_client URL NAME ROOM\n"
      "URL is what chat prints. Lines of the input are said, /who tells who is there, /quit ends.\n");
  std::string const url = given.word();
  std::string const name = given.word();
  std::string const room = given.word();
  given.done();

  asio::io_context io{1};
  chatter us{io, address_of(url, name), room};
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code stopped, int) {
    if (!stopped) us.end();
    signals.clear();  // the next one ends it at once
  });
  asio::co_spawn(io, us.run(), [&](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
    io.stop();
  });
  // Detached: it may be waiting for a line when all else has ended, and the program ends with it.
  std::thread(read_lines, std::ref(io), std::ref(us)).detach();
  io.run();
  int const status = us.outcome();
  std::fflush(stdout);
  // The reading thread may still be inside std::getline: nothing may be destroyed under it.
  std::_Exit(status);
} catch (std::exception const& failure) {
  complain(failure.what());
  std::_Exit(2);
}
