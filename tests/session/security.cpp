// What has broken other WebSocket libraries, one published case each, as far as frames and state go.
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <limits.h>
#include <pthread.h>
#define HAS_PTHREAD 1
#endif

#include "support/allocations.hpp"
#include "support/bytes.hpp"
#include "support/end.hpp"
#include "support/failing.hpp"

namespace security_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

bytes client_frame(opcode type, bytes payload, bool fin = true) {
  return frame(role::client, type, std::move(payload), fin);
}

// Length arithmetic.

TEST_CASE(
    "security: gorilla CVE-2020-27813, Tomcat CVE-2020-13935, .NET CVE-2021-26423: the top bit of a length") {
  for (char const* const length : {"8000000000000000", "ffffffffffffffff", "fffffffffffffff6"}) {
    check_fails(role::server, hex("82 ff") + hex(length) + hex("00000000"), kw::error::length_too_large,
                1002);
    check_fails(role::client, hex("82 7f") + hex(length), kw::error::length_too_large, 1002);
    end one{role::server, {.max_message_size = no_limit}};
    feed(one.ws, hex("82 ff") + hex(length) + hex("00000000"));
    allocation_counter const counter;
    one.ws.poll();
    CHECK(counter.bytes() < 4096);  // our Close
  }
}

TEST_CASE("security: undici CVE-2026-1528, NATS CVE-2026-27889: a length is never read as 1 or as negative") {
  for (char const* const length :
       {"0000000080000000", "0000000100000001", "7fffffffffffffff", "0000000000100001"}) {
    check_fails(role::server, hex("82 ff") + hex(length) + hex("00000000"), kw::error::message_too_large,
                1009);
    check_fails(role::client, hex("82 7f") + hex(length), kw::error::message_too_large, 1009);
  }
}

TEST_CASE("security: libsoup CVE-2026-0716: 2^63 - 1 bytes without a limit") {
  kw::session_options const options{.max_message_size = no_limit, .max_fragments = no_limit};
  check_fails(role::server, hex("82 ff 7fffffffffffffff 00000000"), kw::error::message_too_large, 1009, {},
              options);
  check_fails(role::client, hex("82 7f 7fffffffffffffff"), kw::error::message_too_large, 1009, {}, options);
}

TEST_CASE("security: reSIProcate: a continuation whose length overflows the sum") {
  check_fails(role::server, hex("02 81 00000000 41 80 ff 7fffffffffffffff 00000000"),
              kw::error::message_too_large, 1009);
  check_fails(role::client, hex("02 01 41 80 7f 7fffffffffffffff"), kw::error::message_too_large, 1009, {},
              {.max_message_size = no_limit});
}

TEST_CASE("security: Mongoose CVE-2025-51495: the first frame is a continuation") {
  check_fails(role::server, hex("80 80 00000000"), kw::error::unexpected_continuation, 1002);
}

TEST_CASE(
    "security: libvncserver CVE-2017-18922: growth across 125/126 and 65535/65536 in reads of one byte") {
  random_numbers random{90};
  end one{role::server};
  events expected;
  bytes input;
  for (std::size_t const size : {125u, 126u, 65535u, 65536u}) {
    expected.push_back({opcode::binary, random.any(size)});
    input += client_frame(opcode::binary, expected.back().payload);
  }
  one.take_singly(input);
  CHECK(bool(one.seen == expected));
}

TEST_CASE(
    "security: rust-websocket CVE-2022-35922, QEMU CVE-2015-1779: 1,000 connections declare 16 MiB each") {
  std::vector<kw::session> all;
  all.reserve(1000);
  end warm{role::server};
  warm.take(client_frame(opcode::text, text("warm")));
  allocation_counter const counter;
  for (int i = 0; i != 1000; ++i) {
    all.emplace_back(role::server, kw::session_options{.max_message_size = std::size_t{32} << 20});
    feed(all.back(), hex("82 ff 0000000001000000 00000000"));
    CHECK_FALSE(all.back().poll());
  }
  CHECK(counter.bytes() < 1000 * 64);
  for (auto const& each : all) CHECK(each.is_open());
}

// Memory, CPU, liveness.

TEST_CASE("security: Netty CVE-2014-0193, Bandit CVE-2026-42786: fragments without end") {
  for (role const self : both_roles) {
    end one{self, {.max_message_size = 100'000}};
    bytes const piece = frame(peer_of(self), opcode::continuation, repeat(999, 'x'), false);
    one.take(frame(peer_of(self), opcode::text, repeat(100, 'x'), false));
    for (int i = 0; i != 100; ++i) one.take(piece);
    CHECK(one.ws.is_open());  // at the limit
    one.take(head(0x00, 1, self == role::server ? &example_key : nullptr));
    CHECK(one.ws.error() == kw::error::message_too_large);
    CHECK(one.send_all().close_code == 1009);
  }
}

TEST_CASE("security: ws CVE-2026-48779, undici, aiohttp: many empty or tiny fragments") {
  for (std::size_t const size : {0u, 1u}) {
    end one{role::server};
    bytes input = client_frame(opcode::binary, {}, false);
    bytes const next = client_frame(opcode::continuation, repeat(size, 'x'), false);
    for (int i = 0; i != 4095; ++i) input += next;
    one.take(input);
    CHECK(one.ws.is_open());
    one.take(next);
    CHECK(one.ws.error() == kw::error::too_many_fragments);
    CHECK(one.send_all().close_code == 1008);
  }
  end large{role::server};
  bytes many = client_frame(opcode::binary, {}, false);
  bytes const next = client_frame(opcode::continuation, text("x"), false);
  for (int i = 0; i != 1'000'000; ++i) many += next;
  allocation_counter const counter;
  large.take(many);
  CHECK(large.ws.error() == kw::error::too_many_fragments);
  CHECK(counter.bytes() < 2 * many.size() + 100'000);  // the input itself, and next to nothing else
}

double seconds_for_fragments(int count) {
  bytes input = client_frame(opcode::binary, {}, false);
  bytes const next = client_frame(opcode::continuation, text("x"), false);
  for (int i = 0; i != count; ++i) input += next;
  input += client_frame(opcode::continuation, {});
  double best = 1e9;
  for (int turn = 0; turn != 3; ++turn) {
    end one{role::server, {.max_message_size = no_limit, .max_fragments = no_limit}};
    std::clock_t const start = std::clock();
    for (std::size_t at = 0; at != input.size();) {
      std::size_t const size = std::min<std::size_t>(65536, input.size() - at);
      one.take(std::span{input}.subspan(at, size));
      at += size;
    }
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    CHECK(one.seen.size() == 1);
    CHECK(one.seen[0].payload.size() == static_cast<std::size_t>(count));
  }
  return best;
}

TEST_CASE("security: Bandit CVE-2026-65623: a million fragments of one byte take linear time") {
  // 16 times as many take about 16 times as long, where quadratic work takes 256 times: far enough apart for
  // any machine, however busy.
  CHECK(seconds_for_fragments(1'000'000) < 64 * seconds_for_fragments(62'500) + 0.05);
}

TEST_CASE("security: many small messages, looked ahead over at each of them, take linear time") {
  auto const seconds = [](int count) {
    bytes input;
    for (int i = 0; i != count; ++i) input += client_frame(opcode::binary, {});
    end one{role::server};
    feed(one.ws, input);
    std::clock_t const start = std::clock();
    int messages = 0;
    while (one.ws.poll()) {
      ++messages;
      one.ws.look_ahead();
    }
    CHECK(messages == count);
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  CHECK(seconds(32'000) < 64 * seconds(2'000) + 0.05);
}

TEST_CASE("security: OkHttp, Tyrus: pings while the reader is stalled") {
  end one{role::server};
  feed(one.ws, client_frame(opcode::text, text("not polled")));
  bytes pings;
  for (int i = 0; i != 1000; ++i) pings += client_frame(opcode::ping, repeat(125, 'p'));
  for (int i = 0; i != 20; ++i) {
    feed(one.ws, pings);
    one.ws.look_ahead();
    CHECK(one.ws.unread_size() < 100);  // the answered ones are gone
  }
  CHECK(one.ws.output().size() <= 16384);
  CHECK(one.ws.poll().text() == "not polled");
}

// A million empty pongs in one buffer, and a text behind them.
void* pongs_then_text(void* delivered) {
  bytes const pong = hex("8a 80 00000000");
  bytes input;
  input.reserve(6'000'100);
  for (int i = 0; i != 1'000'000; ++i) input += pong;
  input += client_frame(opcode::text, text("delivered"));
  kw::session ws{role::server};
  feed(ws, input);
  *static_cast<bool*>(delivered) = ws.poll().text() == "delivered" && ws.output().empty();
  return nullptr;
}

TEST_CASE("security: capnproto: 1,000,000 pongs in one buffer, then a text, on a small stack") {
  bool delivered = false;
#ifdef HAS_PTHREAD
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  // 64 KiB, or what the system has as its least: of a million calls within each other it would hold no tenth.
  std::size_t const least = std::max(std::size_t{64} << 10, static_cast<std::size_t>(PTHREAD_STACK_MIN));
  REQUIRE(pthread_attr_setstacksize(&attributes, least) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &attributes, pongs_then_text, &delivered) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
#else
  pongs_then_text(&delivered);
#endif
  CHECK(delivered);
}

TEST_CASE("security: Asterisk CVE-2018-7287: an empty message, an empty ping") {
  end one{role::server};
  one.take(hex("81 80 00000000 89 80 00000000"));
  CHECK(one.seen == events{{opcode::text, {}}});
  CHECK(one.send_all().events == events{{opcode::pong, {}}});
}

TEST_CASE("security: Undertow CVE-2021-3690: 1,000,000 pongs leave the memory flat") {
  end one{role::server};
  bytes pongs;
  for (int i = 0; i != 1000; ++i) pongs += client_frame(opcode::pong, repeat(20, 'p'));
  one.take(pongs);
  allocation_counter const counter;
  for (int i = 0; i != 1000; ++i) {
    feed(one.ws, pongs);
    CHECK_FALSE(one.ws.poll());
  }
  CHECK(counter.calls() == 0);
  CHECK(one.ws.output().empty());
}

// State, UTF-8, masking.

TEST_CASE("security: NATS, aiohttp #12895: a Close of one byte, an empty Close") {
  check_fails(role::server, hex("88 81 00000000 03"), kw::error::close_body_too_short, 1002);
  end one{role::server};
  one.take(hex("88 80 00000000"));
  CHECK(one.ws.close_code() == kw::close_code::no_status);
  CHECK(copy(one.ws.output()) == hex("88 00"));
}

TEST_CASE("security: curl, tinymux: fragments out of order") {
  check_fails(role::server, hex("80 81 00000000 ff"), kw::error::unexpected_continuation, 1002);
  check_fails(role::server, hex("01 81 00000000 41 81 81 00000000 42"), kw::error::expected_continuation,
              1002);
}

TEST_CASE("security: libsoup, Undertow: a Close and a text in one segment") {
  end one{role::server};
  one.take(hex("88 82 00000000 03 e8") + client_frame(opcode::text, text("late")));
  CHECK(one.seen.empty());
  CHECK(copy(one.ws.output()) == hex("88 02 03 e8"));
}

TEST_CASE("security: cowlib, Beast, corefx: code points split over fragments") {
  bytes const whole = text("\xe2\x82\xac\xf0\x9f\x98\x80");
  bytes input;
  for (std::size_t i = 0; i != whole.size(); ++i)
    input += client_frame(i == 0 ? opcode::text : opcode::continuation, {whole[i]}, i + 1 == whole.size());
  end one{role::server};
  one.take(input);
  CHECK(one.seen == events{{opcode::text, whole}});
}

TEST_CASE(
    "security: CVE-2015-0228, facil.io CVE-2026-16632: the application closes while it handles a message") {
  for (role const self : both_roles) {
    role const sender = peer_of(self);
    end one{self};
    feed(one.ws, frame(sender, opcode::text, text("one")) + frame(sender, opcode::text, text("two")) +
                     frame(sender, opcode::close, hex("03 e9")) + frame(sender, opcode::text, text("three")));
    unsigned messages = 0;
    while (kw::message const msg = one.ws.poll()) {
      ++messages;
      one.ws.close(kw::close_code::normal, "enough");
      one.ws.close();
      CHECK(msg.size() == 3);
    }
    CHECK(messages == 2);
    CHECK(one.ws.state() == kw::session_state::closed);
    CHECK(one.send_all().close_code == 1000);
    CHECK(one.peer.taken == one.sent);

    end failed{self};
    feed(failed.ws, frame(sender, opcode::text, text("one")) + frame(sender, opcode::text, text("two")));
    kw::message const msg = failed.ws.poll();
    failed.ws.fail(kw::error::idle_timeout);
    CHECK(msg.text() == "one");
    CHECK(failed.ws.poll().text() == "two");
    CHECK_FALSE(failed.ws.poll());
  }
}

}  // namespace

}  // namespace security_tests
