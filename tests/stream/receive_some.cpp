// Messages in chunks over a blocking stream: the same as whole ones, however the bytes are cut, and how they
// end.
#include <kindwire/stream/websocket.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <kindwire/frame/encoder.hpp>
#include <kindwire/stream/memory.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/reference.hpp"
#include "support/stream_maker.hpp"

namespace stream_receive_some_tests {

namespace kw = kindwire;
using kw::opcode;
using kw::role;

namespace {

using websocket = kw::blocking_websocket<kw::memory_stream>;

kw::session_options streaming(std::uint64_t most = std::uint64_t{1} << 40) {
  return {.max_message_size = 100, .max_streamed_size = most};
}

void write(kw::memory_stream& to, std::span<std::byte const> bytes) {
  std::error_code failure;
  while (!bytes.empty() && !failure) bytes = bytes.subspan(to.write_some(bytes, failure));
  CHECK(!failure);
}

// A server of ours whose client is the test; a read of what has not come is an error that passes.
struct pair {
  explicit pair(kw::session_options const& options = streaming())
      : pair(options, kw::make_memory_streams({.waits = false})) {}

  void push(opcode type, std::string_view payload, bool fin = true) {
    kw::basic_frame_encoder const encoder(role::client);
    support::bytes frame(encoder.size(payload.size()));
    encoder.write(frame.data(), type, kw::detail::as_bytes(payload), fin);
    write(far, frame);
  }
  void close() { push(opcode::close, ""); }
  void check_chunk(std::string_view text, bool first, bool last) {
    kw::message_chunk const chunk = ws.receive_some(failure);
    CHECK(!failure);
    CHECK(chunk.text() == text);
    CHECK(chunk.first() == first);
    CHECK(chunk.last() == last);
  }

  kw::memory_stream far;
  websocket ws;
  std::error_code failure;

 private:
  pair(kw::session_options const& options, std::pair<kw::memory_stream, kw::memory_stream> streams)
      : far(std::move(streams.second)), ws(std::move(streams.first), role::server, options) {}
};

}  // namespace

TEST_CASE("blocking chunks: random streams at every length of reads are the messages of the reference") {
  unsigned wrong = 0;
  unsigned broken = 0;
  unsigned cut = 0;
  for (std::uint64_t seed = 0; seed != 200; ++seed) {
    role const self = support::both_roles[seed % 2];
    support::bytes const input = support::stream_maker{support::peer_of(self), seed, true}.make_short();
    support::reference_receiver expected{self, std::size_t{1} << 20};
    expected.take(input);
    broken += expected.violation != kw::error{};
    std::error_code end;
    if (expected.violation != kw::error{}) {
      end = expected.violation;
    } else if (!expected.closed) {
      end = kw::error::connection_lost;
    }
    for (std::size_t const most : std::initializer_list<std::size_t>{1, 2, 3, 5, 17, 10000}) {
      auto [near, far] = kw::make_memory_streams({.max_read = most});
      write(far, input);
      far.shutdown_send();
      websocket ws(std::move(near), self);
      std::vector<support::reference_event> seen;
      bool inside = false;
      bool in_order = true;
      std::error_code failure;
      while (kw::message_chunk const chunk = ws.receive_some(failure)) {
        in_order = in_order && !failure && chunk.first() != inside;
        if (chunk.first()) seen.push_back({chunk.type(), {}});
        auto const bytes = chunk.bytes();
        seen.back().payload.insert(seen.back().payload.end(), bytes.begin(), bytes.end());
        inside = !chunk.last();
        cut += inside;
      }
      if (inside) seen.pop_back();
      bool const same = seen == support::without_control(expected.events) && failure == end && in_order;
      if (!same && ++wrong == 1) MESSAGE("the first that differs: ", seed, " by ", most);
    }
  }
  CHECK(wrong == 0);
  CHECK(broken > 50);
  CHECK(cut > 500);
}

TEST_CASE("blocking chunks: receive() between two is refused, and takes nothing away") {
  pair side;
  side.push(opcode::text, "begun", false);
  side.check_chunk("begun", true, false);
  side.push(opcode::continuation, ", ended");
  side.push(opcode::text, "next");
  for (int i = 0; i != 3; ++i) {
    CHECK(!side.ws.receive(side.failure));
    CHECK(side.failure == kw::error::message_in_progress);
  }
  side.check_chunk(", ended", false, true);
  CHECK(side.ws.receive(side.failure).text() == "next");
  side.push(opcode::text, "whole");
  side.check_chunk("whole", true, true);
  // What a receive() has gathered in vain is the first chunk.
  side.push(opcode::text, "gath", false);
  CHECK(!side.ws.receive(side.failure));
  side.push(opcode::continuation, "ered", false);
  CHECK(!side.ws.receive(side.failure));
  CHECK(side.failure == std::errc::operation_would_block);
  side.check_chunk("gathered", true, false);
}

TEST_CASE("blocking chunks: an error that passes loses nothing") {
  pair side;
  CHECK(!side.ws.receive_some(side.failure));
  CHECK(side.failure == std::errc::operation_would_block);
  for (int i = 0; i != 5; ++i) {
    side.push(i == 0 ? opcode::binary : opcode::continuation, std::to_string(i), i == 4);
    side.check_chunk(std::to_string(i), i == 0, i == 4);
    CHECK(!side.ws.receive_some(side.failure));
    CHECK(side.failure == std::errc::operation_would_block);
  }
  side.close();
  CHECK(!side.ws.receive_some(side.failure));
}

TEST_CASE("blocking chunks: a Close or an end in the midst of a message") {
  {
    pair side;
    side.push(opcode::binary, "begun", false);
    side.check_chunk("begun", true, false);
    side.close();
    side.far.shutdown_send();
    CHECK(!side.ws.receive_some(side.failure));
    CHECK(!side.failure);
    CHECK(side.ws.close_code() == kw::close_code::no_status);
    CHECK(!side.ws.receive(side.failure));
    CHECK(!side.failure);
  }
  {
    pair side;
    side.push(opcode::binary, "begun", false);
    side.far.close();
    side.check_chunk("begun", true, false);
    CHECK(!side.ws.receive_some(side.failure));
    CHECK(side.failure == kw::error::connection_lost);
    CHECK(!side.ws.receive(side.failure));
    CHECK(side.failure == kw::error::connection_lost);
  }
  {
    // We close, and the rest is dropped.
    pair side;
    side.push(opcode::binary, "begun", false);
    side.check_chunk("begun", true, false);
    side.push(opcode::continuation, "on its way", false);
    side.close();
    side.far.shutdown_send();
    side.ws.close(side.failure, kw::close_code::message_too_big);
    CHECK(!side.failure);
    CHECK(!side.ws.receive_some(side.failure));
    CHECK(!side.failure);
  }
  websocket none;
  std::error_code failure;
  CHECK(!none.receive_some(failure));
  CHECK(failure == kw::error::closed);
}

TEST_CASE("blocking chunks: the whole message is limited, and text is checked across the chunks") {
  pair side(streaming(10));
  side.push(opcode::binary, "123456", false);
  side.check_chunk("123456", true, false);
  side.push(opcode::continuation, "7890", false);
  side.check_chunk("7890", false, false);
  side.push(opcode::continuation, "1", false);
  side.far.close();
  CHECK(!side.ws.receive_some(side.failure));
  CHECK(side.failure == kw::error::message_too_large);

  pair text;
  text.push(opcode::text, "1 \xe2", false);
  text.check_chunk("1 \xe2", true, false);
  text.push(opcode::continuation, "\x82\xac", false);
  text.check_chunk("\x82\xac", false, false);
  text.push(opcode::continuation, "\xff", false);
  text.far.close();
  CHECK(!text.ws.receive_some(text.failure));
  CHECK(text.failure == kw::error::invalid_utf8);
}

TEST_CASE("blocking chunks: after a close() in the midst of a message receive() comes to the end") {
  pair side;
  side.push(opcode::text, "ab", false);
  side.check_chunk("ab", true, false);
  side.ws.close(side.failure);
  CHECK(side.failure);  // the peer's Close has not come
  CHECK(!side.ws.protocol().receiving_chunks());
  side.push(opcode::continuation, "cd", true);
  side.close();
  CHECK(!side.ws.receive(side.failure));
  CHECK(!side.failure);
}

// A client that sends one message of `left` bytes, without any of them anywhere.
struct endless_stream {
  std::size_t read_some(std::span<std::byte> into, std::error_code& failure) {
    failure.clear();
    std::size_t size = 0;
    while (size != into.size() && !head->empty()) {
      into[size++] = static_cast<std::byte>(head->front());
      head->erase(0, 1);
    }
    auto const rest = into.subspan(size);
    std::size_t const more = static_cast<std::size_t>((std::min<std::uint64_t>)(rest.size(), *left));
    std::memset(rest.data(), 'x', more);
    *left -= more;
    return size + more;
  }
  std::size_t write_some(std::span<std::byte const> from, std::error_code& failure) {
    failure.clear();
    return from.size();
  }
  std::string* head;
  std::uint64_t* left;
};

TEST_CASE("blocking chunks: a message larger than memory is never held") {
  constexpr std::uint64_t size = std::uint64_t{1} << 40;
  std::string head("\x82\x7f\x00\x00\x01\x00\x00\x00\x00\x00", 10);
  std::uint64_t left = size;
  kw::blocking_websocket<endless_stream> ws(endless_stream{&head, &left}, role::client, streaming(size));
  std::uint64_t received = 0;
  std::size_t most_held = 0;
  for (int i = 0; i != 1000; ++i) {
    std::error_code failure;
    kw::message_chunk const chunk = ws.receive_some(failure);
    REQUIRE(!failure);
    REQUIRE(chunk);
    CHECK(chunk.first() == (i == 0));
    CHECK(!chunk.last());
    received += chunk.size();
    most_held = (std::max)(most_held, ws.protocol().unread_size() + chunk.size());
  }
  CHECK(received + left == size);  // what is not taken is not read
  CHECK(most_held <= 65536);
}

}  // namespace stream_receive_some_tests
