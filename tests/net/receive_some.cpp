// Messages larger than memory, received in chunks over a connection: order, ends, limits, cancellation, and
// that a peer waits for an application that does not take them.
#include <kindwire/net/websocket.hpp>

#include <doctest/doctest.h>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "faults.hpp"
#include "test_stream.hpp"

namespace receive_some_tests {

namespace kw = kindwire;
using kw::opcode;
using kw::role;

namespace {

kw::net::connection_options streaming(std::uint64_t most = std::uint64_t{1} << 40) {
  kw::net::connection_options options;
  options.max_message_size = 100;
  options.max_streamed_size = most;
  return options;
}

// What became of one receive, whole or in chunks.
struct outcome {
  std::optional<std::error_code> error;
  std::string text;
  bool there = false;
  bool first = false;
  bool last = false;
};

template <class Stream>
struct end {
  explicit end(kw::net::connection_options const& options, role self = role::server)
      : peer(self == role::server ? role::client : role::server),
        far(std::make_shared<test::peer>(io.get_executor())) {
    ws.emplace(Stream(far), self, options);
  }
  ~end() { far->drop(); }

  void push(opcode type, std::string_view payload, bool fin = true) {
    far->push_frame(peer, type, payload, fin);
    test::settle(io);
  }

  template <class... Slot>
  std::shared_ptr<outcome> receive_some(Slot const&... slot) {
    auto const into = std::make_shared<outcome>();
    auto handler = [into](std::error_code error, kw::message_chunk chunk) {
      *into = {error, std::string(chunk.text()), static_cast<bool>(chunk), chunk.first(), chunk.last()};
    };
    if constexpr (sizeof...(Slot) == 0) {
      ws->receive_some(std::move(handler));
    } else {
      ws->receive_some(asio::bind_cancellation_slot(slot..., std::move(handler)));
    }
    test::settle(io);
    return into;
  }
  std::shared_ptr<outcome> receive() {
    auto const into = std::make_shared<outcome>();
    ws->receive([into](std::error_code error, kw::message msg) {
      *into = {error, std::string(msg.text()), static_cast<bool>(msg), false, false};
    });
    test::settle(io);
    return into;
  }

  role peer;
  asio::io_context io;
  std::shared_ptr<test::peer> far;
  std::optional<kw::net::basic_websocket<Stream>> ws;
};

void check_chunk(outcome const& got, std::string_view text, bool first, bool last) {
  CAPTURE(text);
  REQUIRE(got.error);
  CHECK(got.error->message() == std::error_code{}.message());
  CHECK(got.there);
  CHECK(got.text == text);
  CHECK(got.first == first);
  CHECK(got.last == last);
}

}  // namespace

TEST_CASE_TEMPLATE("receive_some: chunks as they come, for callbacks", Stream, test::stream,
                   test::ready_stream) {
  for (role const self : {role::server, role::client}) {
    end<Stream> side(streaming(), self);
    auto waiting = side.receive_some();
    CHECK(!waiting->error);
    side.push(opcode::text, "one ", false);
    check_chunk(*waiting, "one ", true, false);
    side.push(opcode::ping, "?");
    side.push(opcode::continuation, "two ", false);
    check_chunk(*side.receive_some(), "two ", false, false);
    waiting = side.receive_some();
    side.push(opcode::continuation, "three");
    check_chunk(*waiting, "three", false, true);
    side.push(opcode::binary, "whole");
    check_chunk(*side.receive_some(), "whole", true, true);
    side.push(opcode::binary, "as ever");
    CHECK(side.receive()->text == "as ever");
    auto const frames = test::frames_in(side.far->written(), side.peer);
    REQUIRE(frames.size() == 1);
    CHECK(frames[0] == std::pair{opcode::pong, std::string("?")});
  }
}

TEST_CASE("receive_some: in a coroutine, as a future, and without waiting") {
  end<test::stream> side(streaming());
  std::vector<std::string> seen;
  std::exception_ptr failure;
  auto const work = [&]() -> asio::awaitable<void> {
    while (kw::message_chunk const chunk = co_await side.ws->receive_some()) {
      CHECK(chunk.is_text());
      seen.emplace_back(chunk.text());
      if (chunk.last()) break;
    }
    auto const chunk = co_await side.ws->receive_some(asio::use_awaitable);
    seen.emplace_back(chunk.text());
  };
  asio::co_spawn(side.io, work(), [&](std::exception_ptr thrown) { failure = thrown; });
  test::settle(side.io);
  side.push(opcode::text, "a", false);
  side.push(opcode::continuation, "b", false);
  side.push(opcode::continuation, "c");
  side.push(opcode::text, "d");
  CHECK(!failure);
  CHECK(seen == std::vector<std::string>{"a", "b", "c", "d"});

  auto future = side.ws->receive_some(asio::use_future);
  side.push(opcode::binary, "future", false);
  CHECK(future.get().text() == "future");
  CHECK(!side.ws->try_receive_some());
  side.push(opcode::continuation, "at once");
  kw::message_chunk const there = side.ws->try_receive_some();
  CHECK(there.text() == "at once");
  CHECK(there.last());
}

TEST_CASE("receive_some: receive() between two chunks is refused, and takes nothing away") {
  end<test::stream> side(streaming());
  side.push(opcode::text, "begun", false);
  check_chunk(*side.receive_some(), "begun", true, false);
  auto const refused = [&] {
    CHECK(side.receive()->error == kw::error::message_in_progress);
    CHECK(!side.ws->try_receive());
    std::error_code thrown;
    auto const work = [&]() -> asio::awaitable<void> {
      try {
        co_await side.ws->receive();
      } catch (std::system_error const& failure) {
        thrown = failure.code();
      }
    };
    asio::co_spawn(side.io, work(), [](std::exception_ptr) {});
    test::settle(side.io);
    CHECK(thrown == kw::error::message_in_progress);
  };
  refused();
  side.push(opcode::continuation, ", ended");
  side.push(opcode::text, "next");
  refused();
  CHECK(side.ws->is_open());
  check_chunk(*side.receive_some(), ", ended", false, true);
  CHECK(side.receive()->text == "next");
}

TEST_CASE("receive_some: try_receive() between two chunks leaves alone what the application holds") {
  end<test::stream> side(streaming());
  side.push(opcode::text, "begun", false);
  kw::message_chunk const held = side.ws->try_receive_some();
  REQUIRE(held.text() == "begun");
  side.far->end();
  test::settle(side.io);
  CHECK(!side.ws->try_receive());
  // As long as it holds the chunk it may answer, though the peer's stream has ended.
  for (int i = 0; i != 3; ++i) {
    CHECK(!side.ws->try_send("answer"));
    test::settle(side.io);
  }
  CHECK(held.text() == "begun");
  CHECK(side.receive_some()->error == kw::error::connection_lost);
}

TEST_CASE("receive_some: one receive waits at a time, of whichever kind") {
  end<test::stream> side(streaming());
  auto const waiting = side.receive_some();
  CHECK(side.receive_some()->error == kw::error::operation_in_progress);
  CHECK(side.receive()->error == kw::error::operation_in_progress);
  CHECK(!waiting->error);
  side.push(opcode::text, "x");
  check_chunk(*waiting, "x", true, true);
  auto const whole = side.receive();
  CHECK(side.receive_some()->error == kw::error::operation_in_progress);
  side.push(opcode::text, "y");
  CHECK(whole->text == "y");
}

TEST_CASE("receive_some: cancelling loses nothing, wherever it is") {
  for (bool const limited : {true, false}) {
    CAPTURE(limited);
    end<test::stream> side(limited ? streaming() : kw::net::connection_options{});
    test::peer frames(side.io.get_executor());
    for (char each = 'a'; each != 'k'; ++each)
      frames.push_frame(side.peer, each == 'a' ? opcode::text : opcode::continuation, std::string(20, each),
                        each == 'j');
    std::string seen;
    unsigned cancelled = 0;
    unsigned firsts = 0;
    bool last = false;
    auto const take = [&](outcome const& got) {
      REQUIRE(got.there);
      firsts += got.first ? 1 : 0;
      CHECK(got.first == seen.empty());
      seen += got.text;
      last = got.last;
    };
    for (std::size_t at = 0; at < frames.incoming.size(); at += 7) {
      asio::cancellation_signal signal;
      auto const waiting = side.receive_some(signal.slot());
      if (waiting->error) {
        take(*waiting);
      } else {
        signal.emit(asio::cancellation_type::terminal);
        test::settle(side.io);
        CHECK(waiting->error == asio::error::operation_aborted);
        ++cancelled;
      }
      side.far->push(frames.incoming.substr(at, 7));
      test::settle(side.io);
    }
    while (!last) take(*side.receive_some());
    CHECK(seen.size() == 200);
    for (std::size_t i = 0; i != seen.size(); ++i) CHECK(seen[i] == static_cast<char>('a' + i / 20));
    CHECK(cancelled != 0);
    CHECK(firsts == 1);
  }
}

TEST_CASE("receive_some: the whole message is limited, and text is checked across the chunks") {
  {
    end<test::stream> side(streaming(10));
    side.push(opcode::binary, "12345678", false);
    check_chunk(*side.receive_some(), "12345678", true, false);
    side.push(opcode::continuation, "90", false);
    check_chunk(*side.receive_some(), "90", false, false);
    side.push(opcode::continuation, "1", false);
    CHECK(side.receive_some()->error == kw::error::message_too_large);
  }
  {
    end<test::stream> side(streaming());
    side.push(opcode::text, "\xE2", false);
    check_chunk(*side.receive_some(), "\xE2", true, false);
    side.push(opcode::continuation, "\x82\xAC", false);
    check_chunk(*side.receive_some(), "\x82\xAC", false, false);
    side.push(opcode::continuation, "\xE2\x41", false);
    CHECK(side.receive_some()->error == kw::error::invalid_utf8);
    CHECK(side.ws->sent_close_code() == kw::close_code::invalid_payload);
  }
  // A connection that says nothing of streaming has the limits of whole messages.
  kw::net::connection_options small;
  small.max_message_size = 10;
  small.max_fragments = 2;
  end<test::stream> plain(small);
  auto const waiting = plain.receive_some();
  plain.push(opcode::binary, "12345678901");
  CHECK(waiting->error == kw::error::message_too_large);
  end<test::stream> fragments(small);
  for (int i = 0; i != 3; ++i) fragments.push(i == 0 ? opcode::binary : opcode::continuation, "1", false);
  fragments.receive_some();
  CHECK(fragments.receive_some()->error == kw::error::too_many_fragments);
}

TEST_CASE("receive_some: a message that began before the application asked is not refused for its size") {
  end<test::stream> side(streaming());
  side.push(opcode::binary, std::string(5000, 'x'), false);
  side.push(opcode::continuation, std::string(5000, 'y'));
  CHECK(side.ws->is_open());
  std::string seen;
  for (bool last = false; !last;) {
    auto const got = side.receive_some();
    REQUIRE(got->there);
    seen += got->text;
    last = got->last;
  }
  CHECK(seen == std::string(5000, 'x') + std::string(5000, 'y'));
  // But the limit of receive() stays what it was.
  side.push(opcode::binary, std::string(101, 'x'));
  CHECK(side.receive()->error == kw::error::message_too_large);
}

TEST_CASE_TEMPLATE("receive_some: what is not taken is not read", Stream, test::stream, test::ready_stream) {
  auto options = streaming();
  options.read_ahead = 8192;
  end<Stream> side(options);
  constexpr std::size_t size = 4 << 20;
  side.far->push_frame(side.peer, opcode::binary, std::string(size, 'x'));
  test::settle(side.io);
  std::size_t received = 0;
  unsigned wrong = 0;
  for (bool last = false; !last;) {
    // Nothing waits: no more than read_ahead, and the read that reached it, is taken from the stream.
    std::size_t const read = size - std::min(size, side.far->incoming.size());
    wrong += read > received + 8192 + (256 << 10);
    auto const got = side.receive_some();
    REQUIRE(got->there);
    received += got->text.size();
    last = got->last;
  }
  CHECK(wrong == 0);
  CHECK(received == size);
}

TEST_CASE("receive_some: a Close, an end and a destroyed websocket in the midst of a message") {
  for (bool const waits : {true, false}) {
    CAPTURE(waits);
    auto const begun = [&](end<test::stream>& side) {
      side.push(opcode::binary, "begun", false);
      check_chunk(*side.receive_some(), "begun", true, false);
      return waits ? side.receive_some() : nullptr;
    };
    {
      end<test::stream> side(streaming());
      auto waiting = begun(side);
      side.far->push_close(side.peer);
      test::settle(side.io);
      if (!waits) waiting = side.receive_some();
      CHECK(waiting->error == std::error_code{});
      CHECK(!waiting->there);
      CHECK(side.ws->close_code() == kw::close_code::normal);
      CHECK(!side.receive()->there);
      CHECK(side.receive()->error == std::error_code{});
    }
    {
      end<test::stream> side(streaming());
      auto waiting = begun(side);
      side.far->end();
      test::settle(side.io);
      if (!waits) waiting = side.receive_some();
      CHECK(waiting->error == kw::error::connection_lost);
      CHECK(side.receive()->error == kw::error::connection_lost);
    }
    {
      end<test::stream> side(streaming());
      auto const waiting = begun(side);
      side.ws.reset();
      test::settle(side.io);
      if (waits) CHECK(waiting->error == asio::error::operation_aborted);
    }
    {
      // What came before the end is delivered first.
      end<test::stream> side(streaming());
      auto const waiting = begun(side);
      side.push(opcode::continuation, "middle", false);
      side.push(opcode::continuation, "end");
      side.far->end();
      test::settle(side.io);
      std::string seen = waits ? waiting->text : "";
      while (seen.size() < 9) {
        auto const got = side.receive_some();
        REQUIRE(got->there);
        seen += got->text;
      }
      CHECK(seen == "middleend");
      CHECK(side.receive_some()->error == kw::error::connection_lost);
    }
  }
  kw::net::websocket none;
  asio::io_context io;
  std::error_code error;
  none.receive_some(
      asio::bind_executor(io, [&](std::error_code failure, kw::message_chunk) { error = failure; }));
  io.run();
  CHECK(error == kw::error::closed);
  CHECK(!none.try_receive_some());
}

TEST_CASE("receive_some: the application may close while a message is streamed to it") {
  end<test::stream> side(streaming());
  side.push(opcode::binary, "begun", false);
  check_chunk(*side.receive_some(), "begun", true, false);
  std::optional<std::error_code> closed;
  side.ws->close(kw::close_code::message_too_big, [&](std::error_code error) { closed = error; });
  test::settle(side.io);
  side.push(opcode::continuation, "on its way", false);
  check_chunk(*side.receive_some(), "on its way", false, false);
  side.far->push_close(side.peer, 1009);
  test::settle(side.io);
  side.far->end();
  test::settle(side.io);
  CHECK(closed == std::error_code{});
}

TEST_CASE("receive_some: a message is one message to statistics and to the rate") {
  auto options = streaming();
  options.statistics = true;
  options.message_rate = {.per_second = 0.001, .burst = 2};
  options.above_message_rate = kw::net::rate_policy::close;
  end<test::stream> side(options);
  for (int message = 0; message != 2; ++message) {
    for (int i = 0; i != 10; ++i) {
      side.push(i == 0 ? opcode::binary : opcode::continuation, "x", i == 9);
      if (i != 0) CHECK(!side.ws->try_receive());
      check_chunk(*side.receive_some(), "x", i == 0, i == 9);
      CHECK(side.ws->statistics()->messages_received == static_cast<unsigned>(message + (i == 9 ? 1 : 0)));
    }
  }
  side.push(opcode::binary, "x", false);
  CHECK(side.receive_some()->error == kw::error::too_many_messages);
}

TEST_CASE("receive_some: a message that has begun does not wait for the rate") {
  auto options = streaming();
  options.message_rate = {.per_second = 0.001, .burst = 1};
  options.above_message_rate = kw::net::rate_policy::slow;
  end<test::stream> side(options);
  side.push(opcode::binary, "x", false);
  check_chunk(*side.receive_some(), "x", true, false);
  for (int i = 0; i != 10; ++i) {
    side.push(opcode::continuation, "x", i == 9);
    CHECK(!side.ws->try_receive());
    check_chunk(*side.receive_some(), "x", false, i == 9);
  }
  // The next one does.
  side.push(opcode::binary, "y");
  CHECK(!side.ws->try_receive());
  CHECK(!side.ws->try_receive_some());
  CHECK(!side.receive_some()->error);
}

}  // namespace receive_some_tests
