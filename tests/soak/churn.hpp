// Visitors: each connects, does something good or bad, and goes. What visitor n does is decided by the seed
// and n.
#pragma once

#include <algorithm>
#include <array>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <kindwire/deflate.hpp>
#include <kindwire/frame/opcode.hpp>
#include <kindwire/net/client.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "journal.hpp"
#include "raw_client.hpp"
#include "texts.hpp"
#include "world.hpp"

namespace soak {

namespace kw = kindwire;

class visitor {
 public:
  visitor(world& in, std::uint64_t index)
      : in_(in),
        index_(index),
        choose_(in.choices(place::churn, index)),
        client_(in.io.get_executor(), 0x7F010000U + static_cast<std::uint32_t>(index % 60'000)) {}

  // What it is going to do; of so many in a hundred.
  std::string_view choose() {
    struct share {
      std::size_t percent;
      std::string_view what;
      asio::awaitable<void> (visitor::*act)();
    };
    static constexpr std::array<share, 10> all{{{20, "reset in a frame", &visitor::reset_in_frame},
                                                {10, "cut in the handshake", &visitor::cut_in_handshake},
                                                {10, "half-open", &visitor::stay_half_open},
                                                {25, "echo", &visitor::talk},
                                                {10, "echo, compressed", &visitor::talk_compressed},
                                                {10, "lobby", &visitor::meet},
                                                {5, "broken rule", &visitor::break_rule},
                                                {4, "page", &visitor::ask_page},
                                                {3, "too fast", &visitor::rush},
                                                {3, "end without Close", &visitor::end_sending}}};
    std::size_t at = choose_.below(100);
    for (share const& each : all) {
      if (at < each.percent) {
        act_ = each.act;
        return what_ = each.what;
      }
      at -= each.percent;
    }
    return what_;
  }
  asio::awaitable<void> act() { return (this->*act_)(); }

 private:
  using opcode = kw::opcode;

  std::string name() const { return "visitor " + std::to_string(index_) + ", " + std::string(what_); }
  void late(std::string const& what) { in_.log.late(begin_, name() + ": " + what); }
  void wrong(std::string const& what) { in_.log.wrong(name() + ": " + what); }

  std::string any_path() {
    static constexpr std::array<std::string_view, 8> all{"/echo",    "/once",     "/pour",         "/checked",
                                                         "/deflate", "/contexts", "/feed/visitor", "/lobby/"};
    std::string path(all[choose_.below(all.size())]);
    return path == "/lobby/" ? path + std::to_string(choose_.below(32)) : path;
  }

  // Takes what it is given at the call, for the reason that raw_client does.
  asio::awaitable<bool> open(std::string_view path) {
    path_ = path;
    return open_path();
  }
  asio::awaitable<bool> open_path() {
    begin_ = clock::now();
    if (bool const done = co_await client_.connect(in_.port); !done) {
      late("no connection");
      co_return false;
    }
    unsigned const status = co_await client_.open(path_);
    if (status == 101) co_return true;
    late(path_ + " was answered with " + std::to_string(status));
    co_return false;
  }

  // Says a message, in one frame or several.
  asio::awaitable<bool> say(opcode type, std::string const& text) {
    std::string bytes;
    std::size_t done = 0;
    while (choose_.one_in(3) && done < text.size()) {
      std::size_t const part = choose_.below(text.size() - done + 1);
      bytes += masked_frame(done == 0 && bytes.empty() ? type : opcode::continuation,
                            std::string_view(text).substr(done, part), false);
      if (choose_.one_in(4)) bytes += masked_frame(opcode::ping, "between");
      done += part;
    }
    bytes += masked_frame(bytes.empty() ? type : opcode::continuation, std::string_view(text).substr(done));
    return client_.say(bytes);
  }

  // Says something, and wants it back.
  asio::awaitable<bool> exchange(std::size_t most) {
    opcode const type = choose_.one_in(2) ? opcode::text : opcode::binary;
    std::string const text = choose_.text(choose_.size(most));
    if (bool const done = co_await say(type, text); !done) {
      late("could not say anything");
      co_return false;
    }
    auto const back = co_await client_.read_message();
    if (!back || back->type == opcode::close) {
      late("ended in the midst of it" +
           (back ? " with " + std::to_string(back->close_code()) : std::string()));
      co_return false;
    }
    if (back->type != type || back->payload != text) wrong("got back something else");
    in_.log.count("echo: bytes of visitors", text.size());
    co_return true;
  }

  // Our Close, and its answer.
  asio::awaitable<void> part() {
    co_await client_.say(opcode::close, "\x03\xE8");
    std::optional<raw_frame> last = co_await client_.read_message();
    while (last && last->type != opcode::close) last = co_await client_.read_message();
    if (!last) {
      late("our Close was not answered");
    } else if (last->close_code() != 1000) {
      late("our Close was answered with " + std::to_string(last->close_code()));
    }
    client_.close();
  }

  asio::awaitable<void> leave() {
    switch (choose_.below(4)) {
      case 0: client_.reset(); break;
      case 1: client_.close(); break;
      default: co_await part();
    }
  }

  asio::awaitable<void> reset_in_frame() {
    std::string const path = any_path();
    if (bool const done = co_await open(path); !done) co_return;
    std::string bytes;
    for (std::size_t more = choose_.below(3); more != 0; --more)
      bytes += masked_frame(opcode::text, "v" + choose_.text(choose_.size(3000)));
    std::string const last =
        masked_frame(opcode::text, choose_.text(1 + choose_.size(60'000)), choose_.one_in(2));
    bytes.append(last, 0, 1 + choose_.below(last.size() - 1));
    co_await client_.say(bytes);
    if (choose_.one_in(3)) co_await rest(std::chrono::milliseconds(choose_.below(300)));
    client_.reset();
  }

  asio::awaitable<void> cut_in_handshake() {
    if (bool const done = co_await client_.connect(in_.port); !done) co_return;
    std::string request = upgrade_request(any_path());
    if (!choose_.one_in(4)) request.resize(choose_.below(request.size()));
    if (!request.empty()) co_await client_.say(request);
    if (choose_.one_in(2)) co_await rest(std::chrono::milliseconds(choose_.below(80)));
    choose_.one_in(2) ? client_.reset() : client_.close();
  }

  // It is there, but nobody is: the server has to give it up.
  asio::awaitable<void> stay_half_open() {
    std::string const path = any_path();
    if (bool const done = co_await open(path); !done) co_return;
    in_.log.count("half-open: begun");
    ++in_.held;
    if (choose_.one_in(2)) co_await client_.outlive(std::chrono::seconds(10));
    co_await client_.drop_to_end();
    --in_.held;
    in_.log.count("half-open: given up by the server");
    client_.close();
  }

  asio::awaitable<void> talk() {
    std::size_t const where = choose_.below(5);
    std::string_view const path = where == 0 ? "/checked" : where == 1 ? "/once" : "/echo";
    if (bool const done = co_await open(path); !done) co_return;
    for (std::size_t more = where == 1 ? 1 : 1 + choose_.below(4); more != 0; --more) {
      if (bool const done = co_await exchange(20'000); !done) co_return;
    }
    if (where == 1) {
      auto const last = co_await client_.read_message();
      if (!last || last->close_code() != 1000) late("no Close after the one answer");
    } else {
      co_await leave();
    }
  }

  asio::awaitable<void> talk_compressed() {
    static kw::net::client const shared = compressing(kw::deflate::shared());
    static kw::net::client const kept = compressing(kw::deflate::small());
    bool const keeps = choose_.one_in(2);
    std::string const uri = "ws://127.0.0.1:" + std::to_string(in_.port) + (keeps ? "/contexts" : "/deflate");
    begin_ = clock::now();
    try {
      tcp::socket socket(in_.io);
      socket.open(tcp::v4());
      socket.bind({asio::ip::address_v4(0x7F010000U + static_cast<std::uint32_t>(index_ % 60'000)), 0});
      tcp::endpoint const to(asio::ip::address_v4::loopback(), in_.port);
      co_await socket.async_connect(to, asio::use_awaitable);
      kw::net::client const& client = keeps ? kept : shared;
      kw::net::websocket ws = co_await client.handshake(std::move(socket), uri);
      for (std::size_t more = 1 + choose_.below(4); more != 0; --more) {
        std::string const text = choose_.text(choose_.size(20'000));
        co_await ws.send(text);
        kw::message const back = co_await ws.receive();
        if (!back) {
          late("ended in the midst of it");
          co_return;
        }
        if (back.text() != text) wrong("got back something else");
        in_.log.count("echo: bytes of visitors", text.size());
      }
      if (!choose_.one_in(3)) co_await ws.close();
    } catch (std::exception const& failure) {
      late(failure.what());
    }
  }
  static kw::net::client compressing(std::shared_ptr<kw::extension_negotiator const> preset) {
    kw::net::connect_options options;
    options.connection.compression = std::move(preset);
    return kw::net::client(std::move(options));
  }

  // What it says comes to all who are in the room, itself included.
  asio::awaitable<void> meet() {
    std::string const room = "/lobby/" + std::to_string(choose_.below(32));
    if (bool const done = co_await open(room); !done) co_return;
    std::string const said = "v" + std::to_string(index_) + choose_.text(choose_.below(500));
    co_await client_.say(opcode::text, said);
    for (;;) {
      auto const next = co_await client_.read_message();
      if (!next || next->type == opcode::close) {
        late("has not heard itself");
        co_return;
      }
      in_.log.count("lobby: messages heard");
      if (next->payload == said) break;
      if (next->payload.substr(0, 1) != "v") wrong("heard what nobody says");
    }
    co_await leave();
  }

  asio::awaitable<void> break_rule() {
    struct rule {
      std::string bytes;
      unsigned code;
    };
    static std::array<rule, 6> const all{
        {{std::string("\x81\x02hi"), 1002},
         {masked_frame(static_cast<opcode>(3), "x"), 1002},
         {masked_frame(opcode::ping, "x", false), 1002},
         {masked_frame(opcode::continuation, "x"), 1002},
         {masked_frame(opcode::text, "\xC3("), 1007},
         {masked_frame(opcode::binary, std::string(1'100'000, 'x')).substr(0, 20), 1009}}};
    std::string_view const path = choose_.one_in(2) ? "/echo" : "/lobby/0";
    if (bool const done = co_await open(path); !done) co_return;
    rule const& broken = all[choose_.below(all.size())];
    co_await client_.say(broken.bytes);
    std::optional<raw_frame> last = co_await client_.read_message();
    while (last && last->type != opcode::close) last = co_await client_.read_message();
    if (!last) {
      late("got no Close");
    } else if (last->close_code() != broken.code) {
      wrong("was closed with " + std::to_string(last->close_code()) + " in place of " +
            std::to_string(broken.code));
    }
    choose_.one_in(2) ? client_.reset() : client_.close();
  }

  asio::awaitable<void> ask_page() {
    struct page {
      std::string_view request;
      unsigned status;
    };
    static constexpr std::array<page, 4> all{{{"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
                                              {"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
                                              {"POST /page HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
                                              {"GET\r\n\r\n", 400}}};
    page const& one = all[choose_.below(all.size())];
    begin_ = clock::now();
    if (bool const done = co_await client_.connect(in_.port); !done) co_return;
    unsigned const status = co_await client_.ask(one.request);
    if (status != one.status) late("was answered with " + std::to_string(status));
    if (choose_.one_in(2)) co_await client_.drop_to_end();
    client_.close();
  }

  // More messages than the route takes.
  asio::awaitable<void> rush() {
    if (bool const done = co_await open("/rated"); !done) co_return;
    std::string all;
    for (int i = 0; i != 40; ++i) all += masked_frame(opcode::text, "now");
    co_await client_.say(all);
    std::optional<raw_frame> last = co_await client_.read_message();
    while (last && last->type != opcode::close) last = co_await client_.read_message();
    if (!last || last->close_code() != 1013) late("was not closed with 1013");
    client_.close();
  }

  // What it has said is still answered, in full.
  asio::awaitable<void> end_sending() {
    if (bool const done = co_await open("/echo"); !done) co_return;
    std::string const text = choose_.text(choose_.size(20'000));
    co_await say(opcode::text, text);
    client_.end_sending();
    auto const back = co_await client_.read_message();
    if (!back || back->payload != text) late("what it had said was not answered");
    co_await client_.drop_to_end();
  }

  world& in_;
  std::uint64_t index_;
  chance choose_;
  raw_client client_;
  std::string_view what_;
  asio::awaitable<void> (visitor::*act_)() = nullptr;
  clock::time_point begin_{};
  std::string path_;
};

// Begins the visitor n, which is gone when it has ended.
inline void visit(world& in, std::uint64_t index) {
  auto const one = std::make_shared<visitor>(in, index);
  std::string const what(one->choose());
  in.log.count("churn: " + what);
  in.spawn("churn: " + what,
           [](std::shared_ptr<visitor> self) -> asio::awaitable<void> { co_await self->act(); }(one));
}

}  // namespace soak
