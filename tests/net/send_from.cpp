// One message from a source, in fragments: how it is cut, what may be sent meanwhile, and what becomes of one
// that cannot be completed.
#include <kindwire/net/send_from.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "faults.hpp"
#include "test_stream.hpp"

namespace send_from_tests {

namespace kw = kindwire;
using kw::opcode;
using kw::role;

namespace {

constexpr std::size_t piece = 64 << 10;

// Gives a text in pieces of any size, and then throws if it is to.
struct text_source {
  std::string text;
  std::size_t most = SIZE_MAX;
  bool breaks = false;
  std::size_t given = 0;

  std::size_t operator()(std::span<std::byte> room) {
    std::size_t const size = std::min({text.size() - given, room.size(), most});
    if (size == 0 && breaks) throw std::runtime_error("cannot be read");
    std::memcpy(room.data(), text.data() + given, size);
    given += size;
    return size;
  }
};

// The same, a turn later.
asio::awaitable<std::size_t> later(text_source& from, std::span<std::byte> room) {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  co_return from(room);
}

struct end {
  explicit end(role self = role::server, kw::net::connection_options const& options = {})
      : peer(self == role::server ? role::client : role::server),
        far(std::make_shared<test::peer>(io.get_executor())) {
    ws.emplace(test::stream(far), self, options);
  }
  ~end() { far->drop(); }

  template <class Source>
  void send(Source source, opcode type = opcode::binary) {
    asio::co_spawn(io, kw::net::send_from(*ws, type, std::move(source)),
                   asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr thrown) {
                     done = true;
                     failure = thrown;
                   }));
    test::settle(io);
  }

  std::vector<test::whole_frame> frames() const { return test::frames_in(far->written(), peer); }
  std::string payload() const {
    std::string all;
    for (auto const& [type, bytes] : frames())
      if (!kw::is_control(type)) all += bytes;
    return all;
  }

  role peer;
  asio::io_context io;
  std::shared_ptr<test::peer> far;
  std::optional<kw::net::basic_websocket<test::stream>> ws;
  asio::cancellation_signal signal;
  bool done = false;
  std::exception_ptr failure;
};

std::string long_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i != size; ++i) text[i] = static_cast<char>('a' + i * 31 / 7 % 26);
  return text;
}

}  // namespace

TEST_CASE("send_from: one message in fragments of 64 KiB, and an empty last one") {
  for (role const self : {role::server, role::client}) {
    end side(self);
    std::string const text = long_text(3 * piece + 100);
    side.send(text_source{text}, opcode::text);
    CHECK(side.done);
    CHECK(!side.failure);
    auto const frames = side.frames();
    REQUIRE(frames.size() == 5);
    CHECK(frames[0] == std::pair{opcode::text, text.substr(0, piece)});
    CHECK(frames[3] == std::pair{opcode::continuation, text.substr(3 * piece)});
    CHECK(frames[4] == std::pair{opcode::continuation, std::string()});
    CHECK(side.payload() == text);
    CHECK(!side.ws->try_send("the next"));
  }
}

TEST_CASE("send_from: nothing is an empty message, and a source may give as little as it likes, and later") {
  end none;
  none.send(text_source{});
  CHECK(none.frames() == std::vector<test::whole_frame>{{opcode::binary, ""}});
  end side;
  text_source source{long_text(100), 7};
  side.send([&](std::span<std::byte> room) { return later(source, room); });
  CHECK(side.done);
  CHECK(!side.failure);
  CHECK(side.frames().size() == 16);
  CHECK(side.payload() == source.text);
}

TEST_CASE("send_from: the source is read when there is room, and no sooner") {
  kw::net::connection_options options;
  options.send_queue_soft = 200 << 10;
  end side(role::client, options);
  side.far->writes_wait = true;
  side.far->max_write = piece;
  std::size_t read = 0;
  side.send([&](std::span<std::byte> room) {
    std::size_t const size = std::min(room.size(), (10 << 20) - read);
    read += size;
    return size;
  });
  CHECK(!side.done);
  unsigned wrong = 0;
  while (!side.done) {
    wrong += read > side.far->writes.size() * piece + (200 << 10) + 2 * piece;
    wrong += side.ws->queued() > (200 << 10) + piece + 100;
    side.far->let_write();
    side.far->writes_wait = true;
    test::settle(side.io);
  }
  CHECK(wrong == 0);
  CHECK(read == 10 << 20);
}

TEST_CASE("send_from: meanwhile pings go in between, other messages are refused or wait") {
  kw::net::connection_options options;
  options.send_queue_soft = piece;
  end side(role::server, options);
  side.far->writes_wait = true;
  side.far->max_write = piece;
  std::string const text = long_text(10 * piece);
  side.send(text_source{text});
  CHECK(!side.done);
  CHECK(side.ws->try_send("refused") == kw::error::fragment_in_progress);
  CHECK(side.ws->try_send_fragment(opcode::text, {}, true) == kw::error::fragment_in_progress);
  CHECK(!side.ws->remote().send("waits"));
  CHECK(!side.ws->try_send(opcode::ping, {}));
  bool pinged = false;
  while (!side.done || side.ws->queued() != 0) {
    side.far->let_write();
    side.far->writes_wait = true;
    test::settle(side.io);
  }
  auto const frames = side.frames();
  for (std::size_t i = 1; i + 2 < frames.size(); ++i) pinged = pinged || frames[i].first == opcode::ping;
  CHECK(pinged);
  CHECK(frames.back() == std::pair{opcode::text, std::string("waits")});
  CHECK(side.payload() == text + "waits");
}

TEST_CASE("send_from: what cannot be completed is not taken for a whole message") {
  SUBCASE("as the source throws") {
    end side;
    side.send(text_source{long_text(100), 10, true});
    CHECK(side.done);
    CHECK_THROWS_WITH(std::rethrow_exception(side.failure), "cannot be read");
    CHECK(side.ws->sent_close_code() == kw::close_code::internal_error);
    CHECK(side.frames().back().first == opcode::close);
  }
  SUBCASE("as it is cancelled") {
    kw::net::connection_options options;
    options.send_queue_soft = piece;
    end side(role::server, options);
    side.far->writes_wait = true;
    side.send(text_source{long_text(10 * piece)});
    CHECK(!side.done);
    side.signal.emit(asio::cancellation_type::terminal);
    test::settle(side.io);
    CHECK(side.done);
    CHECK(side.failure);
    CHECK(side.ws->sent_close_code() == kw::close_code::internal_error);
  }
  SUBCASE("but before its first fragment nothing has happened") {
    end side;
    side.send(text_source{"", 1, true});
    CHECK(side.failure);
    CHECK(side.ws->is_open());
    CHECK(!side.ws->try_send("goes on"));
  }
  SUBCASE("nor where nothing could be sent") {
    end side;
    CHECK(!side.ws->try_send_fragment(opcode::text, {}, false));
    side.send(text_source{"other"});
    CHECK_THROWS_AS(std::rethrow_exception(side.failure), std::system_error);
    CHECK(side.ws->is_open());
    CHECK(!side.ws->try_send_fragment(opcode::continuation, {}, true));
  }
}

TEST_CASE("send_from: a source may end as Asio's streams do") {
  end side;
  text_source source{long_text(100), 30};
  bool waits = false;
  SUBCASE("at once") {}
  SUBCASE("later") { waits = true; }
  auto const some = [&](std::span<std::byte> room) {
    std::size_t const size = source(room);
    if (size == 0) throw std::system_error(asio::error::eof);
    return size;
  };
  if (waits) {
    side.send([&](std::span<std::byte> room) -> asio::awaitable<std::size_t> {
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
      co_return some(room);
    });
  } else {
    side.send(some);
  }
  CHECK(side.done);
  CHECK(!side.failure);
  CHECK(side.payload() == source.text);
  CHECK(!side.ws->try_send("the next"));
}

TEST_CASE("send_from: a source cannot have given more than it had room for") {
  for (std::size_t const claim : {piece + 1, SIZE_MAX}) {
    end side;
    bool begun = false;
    side.send([&](std::span<std::byte> room) {
      return std::exchange(begun, true) ? claim : std::min<std::size_t>(room.size(), 1);
    });
    CHECK(side.done);
    CHECK_THROWS_AS(std::rethrow_exception(side.failure), std::system_error);
    CHECK(side.payload().size() == 1);
    CHECK(side.ws->sent_close_code() == kw::close_code::internal_error);
  }
}

}  // namespace send_from_tests
