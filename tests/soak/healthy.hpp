// Clients that keep to all rules and check every byte, beside those that do not.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/ip/address_v4.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <kindwire/deflate.hpp>
#include <kindwire/message/message.hpp>
#include <kindwire/net/client.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "journal.hpp"
#include "raw_client.hpp"
#include "texts.hpp"
#include "world.hpp"

namespace soak {

namespace kw = kindwire;

// How one of them gets to the server. A proxy may end its connections, nothing else may.
struct way {
  std::string name;
  std::uint16_t port;
  bool may_break = false;
};

inline asio::awaitable<kw::net::websocket> connect_by(world& in, kw::net::client const& client, way const& by,
                                                      std::string_view path, std::uint32_t address) {
  std::string const uri = "ws://127.0.0.1:" + std::to_string(by.port) + std::string(path);
  tcp::socket socket(in.io);
  socket.open(tcp::v4());
  socket.bind({asio::ip::address_v4(address), 0});
  tcp::endpoint const to(asio::ip::address_v4::loopback(), by.port);
  co_await socket.async_connect(to, asio::use_awaitable);
  co_return co_await client.handshake(std::move(socket), uri);
}

// Sends messages, several at a time, and wants each of them back.
class echo_client {
 public:
  echo_client(world& in, std::uint64_t index, way by, std::string path)
      : in_(in),
        index_(index),
        by_(std::move(by)),
        path_(std::move(path)),
        choose_(in.choices(place::echo, index)),
        client_(options(path_)) {}

  asio::awaitable<void> run() {
    while (!in_.over) {
      auto const begin = clock::now();
      std::string broken;
      try {
        kw::net::websocket ws =
            co_await connect_by(in_, client_, by_, path_, 0x7F020000U + static_cast<std::uint32_t>(index_));
        co_await talk(ws);
      } catch (std::exception const& failure) {
        broken = failure.what();
      }
      in_.log.count(by_.name + ": echo connections");
      if (broken.empty()) continue;
      if (!by_.may_break)
        in_.log.late(begin, "echo " + std::to_string(index_) + " " + by_.name + ": " + broken);
      co_await rest(std::chrono::milliseconds(50));
    }
  }

 private:
  static kw::net::connect_options options(std::string_view path) {
    kw::net::connect_options result;
    if (path == "/deflate") result.connection.compression = kw::deflate::shared();
    if (path == "/contexts") result.connection.compression = kw::deflate::small();
    return result;
  }

  asio::awaitable<void> talk(kw::net::websocket& ws) {
    for (std::size_t rounds = 1 + choose_.below(200); rounds != 0 && !in_.over; --rounds) {
      std::deque<std::pair<kw::message_type, std::string>> said;
      for (std::size_t more = 1 + choose_.below(6); more != 0; --more) {
        auto const type = choose_.one_in(2) ? kw::message_type::text : kw::message_type::binary;
        std::size_t const most = choose_.one_in(20) ? 500'000 : 60'000;
        said.emplace_back(type, choose_.text(choose_.size(most)));
        send(ws, type, said.back().second);
      }
      while (!said.empty()) {
        kw::message const back = co_await ws.receive();
        if (!back) {
          std::string const why = "closed with " + kw::to_string(ws.close_code());
          throw std::runtime_error(why);
        }
        auto const& [type, text] = said.front();
        if (back.type() != type || back.text() != text)
          in_.log.wrong("echo " + std::to_string(index_) + " " + by_.name + ": got back something else");
        in_.log.count(by_.name + ": echoes");
        in_.log.count(by_.name + ": bytes of echoes", text.size());
        said.pop_front();
      }
      co_await rest(std::chrono::milliseconds(choose_.below(40)));
    }
    co_await ws.close();
    if (ws.close_code() != kw::close_code::normal) {
      std::string const why = "our Close was answered with " + kw::to_string(ws.close_code());
      throw std::runtime_error(why);
    }
  }

  void send(kw::net::websocket& ws, kw::message_type type, std::string_view text) {
    auto const bytes = std::as_bytes(std::span(text.data(), text.size()));
    if (!choose_.one_in(4) || text.size() < 2) return check(ws.try_send(type, bytes));
    std::size_t const half = choose_.below(text.size());
    check(ws.try_send_fragment(type, bytes.first(half), false));
    if (choose_.one_in(2)) check(ws.try_send(kw::message_type::ping, bytes.first(1)));
    check(ws.try_send_fragment(kw::message_type::continuation, bytes.subspan(half), true));
  }
  static void check(std::error_code failure) {
    if (failure) throw std::system_error(failure);
  }

  world& in_;
  std::uint64_t index_;
  way by_;
  std::string path_;
  chance choose_;
  kw::net::client client_;
};

// Follows the feed, and comes back with the last id that it had: each message once, in order, to the byte.
class feed_client {
 public:
  feed_client(world& in, std::uint64_t index, way by)
      : in_(in),
        index_(index),
        by_(std::move(by)),
        choose_(in.choices(place::feed, index)),
        client_(patient()) {}

  asio::awaitable<void> run() {
    while (!in_.over) {
      auto const begin = clock::now();
      std::string broken;
      try {
        std::string path = "/feed/" + std::to_string(index_);
        if (!id_.empty()) path += "?since=" + id_;
        kw::net::websocket ws =
            co_await connect_by(in_, client_, by_, path, 0x7F020100U + static_cast<std::uint32_t>(index_));
        co_await follow(ws);
      } catch (std::exception const& failure) {
        broken = failure.what();
      }
      in_.log.count(by_.name + ": feed connections");
      if (broken.empty()) continue;
      if (!by_.may_break) in_.log.late(begin, name() + ": " + broken);
      co_await rest(std::chrono::milliseconds(20));
    }
  }

 private:
  std::string name() const { return "feed " + std::to_string(index_) + " " + by_.name; }

  // The answer to a Close comes after all that is on its way, which may be megabytes behind a proxy that
  // delays.
  static kw::net::connect_options patient() {
    kw::net::connect_options result;
    result.connection.close_timeout = std::chrono::seconds(40);
    return result;
  }

  asio::awaitable<void> follow(kw::net::websocket& ws) {
    bool entered = false;
    for (std::size_t left = 1 + choose_.below(2000); left != 0 && !in_.over; --left) {
      kw::message const next = co_await ws.receive();
      if (!next) {
        // One that was behind is told to come back.
        if (ws.close_code() == kw::close_code::try_again_later) {
          in_.log.count(by_.name + ": feed clients told to come back");
          co_return;
        }
        std::string const why = "closed with " + kw::to_string(ws.close_code());
        throw std::runtime_error(why);
      }
      if (!entered) {
        entered = true;
        enter(next.text());
      } else {
        take(next.text());
      }
    }
    co_await ws.close();
  }

  void enter(std::string_view text) {
    if (text.find("\"ROOM_ENTERED\"") == std::string_view::npos)
      return in_.log.wrong(name() + ": no ROOM_ENTERED, but " + std::string(text.substr(0, 60)));
    if (text.find("\"complete\":false") == std::string_view::npos) return;
    in_.log.count(by_.name + ": feed clients that came back too late");
    last_ = 0;
  }

  void take(std::string_view text) {
    std::uint64_t number = 0;
    std::size_t const at = text.find("{\"n\":");
    if (at != std::string_view::npos)
      std::from_chars(text.data() + at + 5, text.data() + text.size(), number);
    if (last_ != 0 && number != last_ + 1)
      in_.log.wrong(name() + ": " + std::to_string(number) + " after " + std::to_string(last_));
    last_ = number;
    std::size_t const begin = text.find("\"id\":\"");
    std::size_t const end = text.find('"', begin + 6);
    if (at == std::string_view::npos || begin == std::string_view::npos || end == std::string_view::npos)
      return in_.log.wrong(name() + ": no message of the feed: " + std::string(text.substr(0, 60)));
    id_ = text.substr(begin + 6, end - begin - 6);
    std::string const expected =
        R"({"kind":"ROOM_MESSAGE","room":"feed","id":")" + id_ + "\",\"message\":" + feed_text(number) + "}";
    if (text != expected)
      in_.log.wrong(name() + ": message " + std::to_string(number) + " is not what was published");
    in_.log.count(by_.name + ": messages of the feed");
  }

  world& in_;
  std::uint64_t index_;
  way by_;
  chance choose_;
  kw::net::client client_;
  std::string id_;
  std::uint64_t last_ = 0;
};

}  // namespace soak
