#include <kindwire/net/connection/frame_watch.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <kindwire/message/print.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../../support/bytes.hpp"

namespace frame_watch_tests {

namespace {

using namespace support;
using kindwire::frame_header;
using kindwire::opcode;
using kindwire::role;
using kindwire::net::detail::frame_watch;

using lines = std::vector<std::string>;

// What is told of these bytes if they come in pieces of this size.
lines told_of(std::span<std::byte const> bytes, std::size_t piece, role receiver,
              kindwire::reserved_bits allowed = {}) {
  lines all;
  frame_watch watch(receiver, allowed);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size()))) {
    watch.take(bytes.first(std::min(piece, bytes.size())),
               [&](frame_header const& header, std::span<std::byte const> beginning) {
                 all.push_back(to_string(header, beginning, 300));
               });
  }
  return all;
}

}  // namespace

TEST_CASE("frame watch: the same frames in pieces of any size, and the bytes are left as they are") {
  for (role const sender : {role::client, role::server}) {
    role const receiver = sender == role::client ? role::server : role::client;
    std::string const masked = sender == role::client ? " masked" : "";
    auto all = frame(sender, opcode::text, text("hello"));
    for (auto const& more :
         {frame(sender, opcode::ping, {}), frame(sender, opcode::binary, text(std::string(256, 'a'))),
          frame(sender, opcode::binary, text(std::string(70'000, 'b'))),
          frame(sender, opcode::close, text("\x03\xE8"))})
      all.insert(all.end(), more.begin(), more.end());
    auto const before = all;
    lines const expected{"TEXT fin" + masked + " 5 bytes: \"hello\"", "PING fin" + masked + " 0 bytes",
                         "BINARY fin" + masked + " 256 bytes: \"" + std::string(256, 'a') + '"',
                         "BINARY fin" + masked + " 70000 bytes: \"" + std::string(256, 'b') + '"',
                         "CLOSE fin" + masked + " 2 bytes: 1000 normal closure"};
    for (int const size : {1, 2, 3, 13, 255, 256, 257, 4096, 1'000'000}) {
      auto const piece = static_cast<std::size_t>(size);
      CAPTURE(piece);
      CHECK(told_of(all, piece, receiver) == expected);
    }
    CHECK(all == before);
  }
}

TEST_CASE("frame watch: a frame is told once its beginning is there, whatever becomes of the rest") {
  auto const whole = frame(role::server, opcode::binary, text(std::string(1000, 'x')));
  CHECK(told_of(std::span(whole).first(4 + 255), 10, role::client).empty());
  CHECK(told_of(std::span(whole).first(4 + 256), 10, role::client).size() == 1);
}

TEST_CASE("frame watch: nothing after a frame that breaks a rule") {
  auto all = frame(role::server, opcode::text, text("a"));
  all[0] |= std::byte{0x40};
  auto const more = frame(role::server, opcode::text, text("b"));
  all.insert(all.end(), more.begin(), more.end());
  CHECK(told_of(all, 100, role::client).empty());
  CHECK(told_of(all, 100, role::client, kindwire::reserved_bits::of_messages(0x40)) ==
        lines{"TEXT fin rsv1 1 byte: \"a\"", "TEXT fin 1 byte: \"b\""});
}

}  // namespace frame_watch_tests
