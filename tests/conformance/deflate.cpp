// RFC 7692 §6 and §7.2 as a peer sees them: what a session takes, refuses and survives once
// permessage-deflate is agreed on.
#include <kindwire/deflate.hpp>
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/server.hpp>
#include <kindwire/session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "../deflate/compressed_end.hpp"
#include "../support/sanitized.hpp"

namespace deflate_conformance_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

bytes const hello_coded = hex("f2 48 cd c9 c9 07 00");

// Fed whole, in pieces and byte by byte.
template <class Check>
void in_pieces(role self, bytes const& input, Check check, kw::session_options options = {}) {
  for (std::size_t const size : {std::size_t{1}, std::size_t{2}, std::size_t{5}, input.size()}) {
    CAPTURE(size);
    compressed_end one{self, kw::deflate::full(), {}, options};
    one.take_in_pieces(input, size);
    check(one);
  }
}

void check_delivers(bytes const& input, events const& expected) {
  CAPTURE(to_hex(std::span{input}.first(std::min<std::size_t>(input.size(), 80))));
  in_pieces(role::server, input, [&](compressed_end& one) {
    CHECK_FALSE(one.ws.error());
    CHECK(one.seen == expected);
  });
}

void check_fails(bytes const& input, kw::error why, unsigned code, events const& before = {}) {
  CAPTURE(to_hex(std::span{input}.first(std::min<std::size_t>(input.size(), 80))));
  in_pieces(role::server, input, [&](compressed_end& one) {
    CHECK(one.ws.error() == why);
    CHECK(static_cast<unsigned>(one.ws.sent_close_code()) == code);
    CHECK(one.seen == before);
  });
}

bytes fragments(std::vector<bytes> const& parts, opcode type = opcode::text) {
  bytes result;
  for (std::size_t i = 0; i != parts.size(); ++i) {
    bool const fin = i + 1 == parts.size();
    result += i == 0 ? compressed_frame(role::client, type, parts[i], fin)
                     : frame(role::client, opcode::continuation, parts[i], fin);
  }
  return result;
}

TEST_CASE(
    "deflate 51, §6.1: RSV1 on the first frame of a message only, at the first byte; RSV2 and RSV3 nowhere") {
  for (role const self : both_roles) {
    for (bool const inside : {false, true}) {
      for (unsigned first = 0; first != 256; ++first) {
        CAPTURE(first);
        compressed_end one{self};
        if (inside) one.take(compressed_frame(peer_of(self), opcode::text, hex("f2 48"), false));
        auto const byte = static_cast<std::byte>(first);
        one.take({&byte, 1});
        unsigned const code = first & 15u;
        unsigned const bits = first & 0x70u;
        bool const begins = code == 1 || code == 2;
        kw::error expected{};
        if (bits != 0 && !(bits == 0x40u && begins)) {
          expected = kw::error::reserved_bits;
        } else if ((code > 2 && code < 8) || code > 10) {
          expected = kw::error::reserved_opcode;
        } else if (code >= 8 && first < 0x80) {
          expected = kw::error::control_frame_fragmented;
        }
        CHECK(one.ws.error() == (expected == kw::error{} ? std::error_code{} : make_error_code(expected)));
      }
    }
  }
  check_fails(compressed_frame(role::client, opcode::text, hex("f2 48"), false) +
                  frame(0xC0u, hex("cd c9 c9 07 00"), &example_key),
              kw::error::reserved_bits, 1002);
}

TEST_CASE("deflate 52, §6: messages that are not compressed stay legal, and do not touch the window") {
  check_delivers(frame(role::client, opcode::text, text("plain")) +
                     compressed_frame(role::client, opcode::text, hello_coded) +
                     frame(role::client, opcode::binary, hello_coded) +
                     frame(role::client, opcode::text, text("pl"), false) +
                     frame(role::client, opcode::continuation, text("ain")) +
                     compressed_frame(role::client, opcode::text, hex("f2 00 11 00 00")),
                 {{opcode::text, text("plain")},
                  {opcode::text, text("Hello")},
                  {opcode::binary, hello_coded},
                  {opcode::text, text("plain")},
                  {opcode::text, text("Hello")}});
}

TEST_CASE("deflate 60, §7.2.2: the examples, every block type, at every split into two fragments") {
  for (char const* const coded : {"f2 48 cd c9 c9 07 00", "00 05 00 fa ff 48 65 6c 6c 6f 00",
                                  "f3 48 cd c9 c9 07 00 00", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
                                  "f3 48 cd c9 c9 07 00", "f2 48 cd c9 c9 07 00 00 00 ff ff 00"}) {
    bytes const all = hex(coded);
    for (std::size_t at = 0; at <= all.size(); ++at) {
      auto const middle = all.begin() + static_cast<std::ptrdiff_t>(at);
      check_delivers(fragments({bytes(all.begin(), middle), bytes(middle, all.end())}) +
                         compressed_frame(role::client, opcode::text, hex("f2 00 11 00 00")),
                     {{opcode::text, text("Hello")}, {opcode::text, text("Hello")}});
    }
  }
  bytes const dynamic = reference_deflater{}.message(random_numbers{4}.utf8(4000));
  CHECK((dynamic[0] & std::byte{6}) == std::byte{4});  // BTYPE 10
  check_delivers(compressed_frame(role::client, opcode::text, dynamic),
                 {{opcode::text, random_numbers{4}.utf8(4000)}});
}

TEST_CASE("deflate 59, §7.2.1: what we send ends in a sync flush without its tail, also in fragments") {
  compressed_end one{role::server, [] {
                       auto result = kw::deflate::full();
                       result.threshold = 0;
                       return result;
                     }()};
  reference_inflater peer;
  CHECK_FALSE(one.ws.send(opcode::text, text("Hello Hello Hello Hello")));
  bytes output = one.output();
  CHECK(output.front() == std::byte{0xC1});
  CHECK(output.back() == std::byte{0x00});
  CHECK(peer.message(bytes(output.begin() + 2, output.end())) == text("Hello Hello Hello Hello"));
  // An empty message in fragments is 00.
  CHECK_FALSE(one.ws.send(opcode::text, {}, false));
  CHECK_FALSE(one.ws.send(opcode::continuation, {}, true));
  CHECK(one.output() == hex("41 00 80 01 00"));
}

TEST_CASE("deflate 62, §7.2.2: inflated text fails at its first impossible byte, before the message ends") {
  reference_deflater peer;
  bytes const begin = peer.message(text("Hello ") + hex("ed a0"), 0);
  compressed_end one{role::server};
  one.take(head(0xC1, 1000, &example_key));
  bytes masked = begin;
  for (std::size_t i = 0; i != masked.size(); ++i) masked[i] ^= example_key[i % 4];
  one.take(masked);
  CHECK(one.ws.error() == kw::error::invalid_utf8);
  check_fails(compressed(role::client, opcode::text, text("cut ") + hex("e2 82")), kw::error::invalid_utf8,
              1007);
  check_delivers(compressed(role::client, opcode::binary, text("cut ") + hex("e2 82")),
                 {{opcode::binary, text("cut ") + hex("e2 82")}});
  // What is wrong first is what is reported, wherever the input is split.
  bytes const twice_wrong = compressed_frame(
      role::client, opcode::text, reference_deflater{}.message(text("A") + hex("ff"), 0) + hex("07 ff"));
  for (std::size_t size = 1; size <= twice_wrong.size(); ++size) {
    compressed_end other{role::server};
    other.take_in_pieces(twice_wrong, size);
    CHECK(other.ws.error() == kw::error::invalid_utf8);
  }
  // A sequence over two fragments.
  bytes const both = reference_deflater{}.message(text("€€€€"));
  for (std::size_t at = 0; at <= both.size(); ++at) {
    auto const middle = both.begin() + static_cast<std::ptrdiff_t>(at);
    check_delivers(fragments({bytes(both.begin(), middle), bytes(middle, both.end())}),
                   {{opcode::text, text("€€€€")}});
  }
}

TEST_CASE("deflate 63, §7.2.2: a bad stream is 1007, and what came before it is delivered") {
  bytes const before = compressed_frame(role::client, opcode::text, hello_coded);
  for (char const* const bad :
       {"06", "ff", "f2 48 cd c9 c9 07", "00 05 00 fa fe 48", "fc 00 00 00", "f2 48 cd c9 c9 07 00 00",
        "00 05 00 fa ff 48", "01 ff ff 00 00 00", "f2 40 04 00 ff ff ff ff ff"}) {
    check_fails(before + compressed_frame(role::client, opcode::binary, hex(bad)),
                kw::error::invalid_compression, 1007, {{opcode::text, text("Hello")}});
  }
  // A reference into a window that there is not, since each message has its own.
  terms fresh;
  compressed_end one{role::server, kw::deflate::shared(), fresh};
  one.take(before + compressed_frame(role::client, opcode::text, hex("f2 00 11 00 00")));
  CHECK(one.seen.size() == 1);
  CHECK(one.ws.error() == kw::error::invalid_compression);
}

TEST_CASE("deflate 61, §7.1.1: each direction keeps or forgets its window as agreed") {
  for (bool const keeps : {false, true}) {
    for (bool const peer_keeps : {false, true}) {
      terms agreed;
      agreed.context_takeover = keeps;
      agreed.peer_context_takeover = peer_keeps;
      auto choices = kw::deflate::full();
      choices.threshold = 0;
      compressed_end one{role::server, choices, agreed};
      bytes const payload = text("Hello Hello Hello");
      CHECK_FALSE(one.ws.send(opcode::text, payload));
      bytes const first = one.output();
      CHECK_FALSE(one.ws.send(opcode::text, payload));
      CHECK((one.output() == first) != keeps);
      one.take(compressed_frame(role::client, opcode::text, hello_coded));
      one.take(compressed_frame(role::client, opcode::text, hello_coded));
      CHECK(one.seen.size() == 2);
      one.take(compressed_frame(role::client, opcode::text, hex("f2 00 11 00 00")));
      CHECK((one.seen.size() == 3) == peer_keeps);
    }
  }
}

// The peak of the process' memory since the last reset, in bytes; 0 where the system does not say.
std::size_t peak_memory() {
  std::size_t kilobytes = 0;
  if (std::FILE* const status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, status) != nullptr) {
      if (std::strncmp(line, "VmHWM:", 6) == 0) kilobytes = std::strtoul(line + 6, nullptr, 10);
    }
    std::fclose(status);
  }
  return kilobytes << 10;
}
// False where the peak says nothing: a sanitizer keeps for a while what was freed.
bool reset_peak_memory() {
#if defined(SANITIZED)
  return false;
#else
  std::FILE* const file = std::fopen("/proc/self/clear_refs", "w");
  if (file == nullptr) return false;
  bool const done = std::fputs("5", file) >= 0;
  return std::fclose(file) == 0 && done;
#endif
}

// `size` zeros, without ever holding them.
bytes bomb(std::size_t size, bool in_final_blocks = false) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  bytes const zeros(std::size_t{1} << 20);
  bytes result;
  bytes room(4096);
  for (std::size_t left = size; left != 0;) {
    std::size_t const piece = std::min(left, zeros.size());
    left -= piece;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(zeros.data()));
    stream.avail_in = static_cast<uInt>(piece);
    int const flush = in_final_blocks ? Z_FINISH : left == 0 ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      deflate(&stream, flush);
      result.insert(result.end(), room.begin(), room.end() - static_cast<std::ptrdiff_t>(stream.avail_out));
    } while (stream.avail_out == 0);
    if (in_final_blocks) deflateReset(&stream);
  }
  deflateEnd(&stream);
  if (in_final_blocks) {
    result.push_back(std::byte{0});
  } else {
    result.erase(result.end() - 4, result.end());
  }
  return result;
}

TEST_CASE(
    "deflate bombs: websockets CVE-2018-1000518, undici CVE-2026-1526, faye CVE-2026-54464: 1009 within the "
    "limit's memory") {
  bytes const plain = bomb(std::size_t{256} << 20);
  CHECK(plain.size() < 262'000);
  bytes const nested = reference_deflater{}.message(plain);
  struct row {
    char const* what;
    bytes wire;
  };
  std::vector<row> const rows{
      {"one frame", compressed_frame(role::client, opcode::binary, plain)},
      {"in blocks with BFINAL set",
       compressed_frame(role::client, opcode::binary, bomb(std::size_t{64} << 20, true))},
      {"in fragments",
       fragments({bytes(plain.begin(), plain.begin() + 500), bytes(plain.begin() + 500, plain.begin() + 900),
                  bytes(plain.begin() + 900, plain.end())})},
      {"1 GiB", compressed_frame(role::client, opcode::text, bomb(std::size_t{1} << 30))}};
  for (auto const& [what, wire] : rows) {
    CAPTURE(std::string(what));
    for (std::size_t const size : {std::size_t{997}, std::size_t{65536}, wire.size()}) {
      compressed_end one{role::server};
      bool const measured = reset_peak_memory();
      std::size_t const before = peak_memory();
      one.take_in_pieces(wire, size);
      CHECK(one.ws.error() == kw::error::message_too_large);
      CHECK(one.ws.sent_close_code() == kw::close_code::message_too_big);
      CHECK(one.seen.empty());
      CHECK(one.deflate.memory() <= 48'000);
      // What a read brings, the message so far while it moves to a larger block, and zlib's window.
      std::size_t const most = (std::size_t{1} << 20) * 3 / 2 + 2 * size + (std::size_t{256} << 10);
      if (measured && before != 0) CHECK(peak_memory() - before <= most);
    }
  }
  // A bomb in a bomb is a message like any other: nobody opens it.
  compressed_end one{role::server};
  one.take(compressed_frame(role::client, opcode::binary, nested));
  CHECK(one.seen == events{{opcode::binary, plain}});
}

TEST_CASE("deflate bombs: many at once take no more than each its limit") {
  bytes const wire = compressed_frame(role::client, opcode::binary, bomb(std::size_t{8} << 20));
  std::deque<compressed_end> all;
  for (int i = 0; i != 100; ++i) all.emplace_back(role::server, kw::deflate::shared());
  bool const measured = reset_peak_memory();
  std::size_t const before = peak_memory();
  for (std::size_t at = 0; at < wire.size(); at += 100) {
    for (auto& one : all) one.take(std::span{wire}.subspan(at, std::min<std::size_t>(100, wire.size() - at)));
  }
  for (auto& one : all) CHECK(one.ws.error() == kw::error::message_too_large);
  std::size_t const each = (std::size_t{1} << 20) + (std::size_t{64} << 10);
  if (measured && before != 0) CHECK(peak_memory() - before <= all.size() * each + (std::size_t{40} << 20));
}

// Also websockets #1715, where one or two bytes more were cut off in silence.
TEST_CASE("deflate limits: capnproto: inflated to the limit passes, one or two bytes more are 1009") {
  random_numbers numbers{8};
  for (std::size_t const limit : {std::size_t{1}, std::size_t{100}, std::size_t{1024}, std::size_t{4095},
                                  std::size_t{65536}, std::size_t{1} << 20}) {
    CAPTURE(limit);
    kw::session_options options;
    options.max_message_size = limit;
    for (std::size_t const more : {0u, 1u, 2u, 3u}) {
      bytes const payload = numbers.one_in(2) ? repeat(limit + more, 1) : numbers.ascii(limit + more);
      bytes const wire = compressed(role::client, opcode::binary, payload);
      for (std::size_t const size : {std::size_t{10}, std::size_t{100'000}}) {
        compressed_end one{role::server, kw::deflate::full(), {}, options};
        one.take_in_pieces(wire, size);
        if (more == 0) {
          CHECK(one.seen == events{{opcode::binary, payload}});
        } else {
          CHECK(one.ws.error() == kw::error::message_too_large);
          CHECK(one.seen.empty());
        }
      }
    }
    // Before inflating: a frame that could not be within the limit, by its header.
    compressed_end early{role::server, kw::deflate::full(), {}, options};
    early.take(head(0xC2, limit + limit / 8 + 1024 + 16 + 1, &example_key));
    CHECK(early.ws.error() == kw::error::message_too_large);
  }
}

TEST_CASE("deflate handshake: undici CVE-2026-2229: bad window bits in an answer are a clean error") {
  for (std::string const value :
       {"0", "7", "16", "99", "08", "\"\"", "-1", "1e1", "9999999999999999999999999999999999999999"}) {
    for (std::string const name : {"server_max_window_bits=", "client_max_window_bits="}) {
      CAPTURE(value);
      kw::client_options options;
      options.compression = kw::deflate::full();
      kw::client_handshake handshake{*kw::uri::parse("ws://localhost/"), options};
      std::string const request(reinterpret_cast<char const*>(handshake.output().data()),
                                handshake.output().size());
      CHECK(request.find("\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n") !=
            std::string::npos);
      std::string const answer =
          "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
          kw::accept_key(request.substr(request.find("Key: ") + 5, 24)) +
          "\r\nSec-WebSocket-Extensions: permessage-deflate; " + name + value + "\r\n\r\n";
      std::memcpy(handshake.prepare(answer.size()).data(), answer.data(), answer.size());
      handshake.commit(answer.size());
      CHECK(handshake.error() == kw::error::handshake_extension);
      CHECK_FALSE(handshake.agreed().extension);
    }
  }
}

TEST_CASE(
    "deflate blocks: Beast #923, ws #1669, Bun: BFINAL in the middle, more behind it, then a usual message") {
  bytes const final_hello = hex("f3 48 cd c9 c9 07 00");
  bytes const usual = compressed_frame(role::client, opcode::text, hello_coded);
  reference_event const hello{opcode::text, text("Hello")};
  check_delivers(compressed_frame(role::client, opcode::text, final_hello + hex("00")) + usual,
                 {hello, hello});
  check_delivers(compressed_frame(role::client, opcode::text, final_hello + hello_coded) + usual,
                 {{opcode::text, text("HelloHello")}, hello});
  check_delivers(compressed_frame(role::client, opcode::text, final_hello) + usual + usual,
                 {hello, hello, hello});
  check_fails(compressed_frame(role::client, opcode::text, final_hello + hex("ff ff")),
              kw::error::invalid_compression, 1007);
}

TEST_CASE(
    "deflate payloads: capnproto CVE-2023-48230: none at all, and none in fragments, are an empty message") {
  check_delivers(hex("c1 80 00000000"), {{opcode::text, {}}});
  check_delivers(hex("c1 81 00000000 00"), {{opcode::text, {}}});
  check_delivers(hex("41 80 00000000 80 81 00000000 00"), {{opcode::text, {}}});
  check_delivers(
      hex("41 80 00000000 80 80 00000000") + compressed_frame(role::client, opcode::text, hello_coded),
      {{opcode::text, {}}, {opcode::text, text("Hello")}});
}

// And aiohttp #13274, where a pong before the first compressed message was enough.
TEST_CASE(
    "deflate fragments: aiohttp #12988: control frames before and between them leave the message alone") {
  bytes const wire = frame(role::client, opcode::pong, {}) +
                     compressed_frame(role::client, opcode::text, hex("f2 48"), false) +
                     frame(role::client, opcode::ping, text("?")) +
                     frame(role::client, opcode::continuation, hex("cd c9"), false) +
                     frame(role::client, opcode::pong, {}) +
                     frame(role::client, opcode::continuation, hex("c9 07 00")) +
                     compressed_frame(role::client, opcode::text, hex("f2 00 11 00 00"));
  in_pieces(role::server, wire, [](compressed_end& one) {
    CHECK(one.seen == events{{opcode::text, text("Hello")}, {opcode::text, text("Hello")}});
    CHECK(one.output() == hex("8a 01 3f"));
  });
}

// Beast #3028: a stored block that comes in several reads.
TEST_CASE("deflate blocks: stored ones over many reads, and levels of every kind") {
  random_numbers numbers{9};
  bytes const payload = numbers.any(200'000);
  for (int const level : {0, 1, 9}) {
    bytes const wire =
        compressed_frame(role::client, opcode::binary, reference_deflater{15, 8, level}.message(payload));
    for (std::size_t const size : {std::size_t{1}, std::size_t{1448}, std::size_t{65536}}) {
      compressed_end one{role::server};
      one.take_in_pieces(wire, size);
      CHECK(one.seen == events{{opcode::binary, payload}});
    }
  }
}

}  // namespace

}  // namespace deflate_conformance_tests
