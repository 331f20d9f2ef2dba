// Compressed messages through two sessions, RFC 7692 §6 and §7.2.
#include <kindwire/deflate/permessage_deflate.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compressed_end.hpp"

namespace permessage_deflate_tests {

namespace {

namespace kw = kindwire;
namespace deflate = kw::deflate;
using namespace support;
using kw::opcode;
using kw::role;

using events = std::vector<reference_event>;

deflate::options choices(bool keeps, bool peer_keeps, int bits, std::size_t threshold = 0) {
  deflate::options result;
  result.context_takeover = keeps;
  result.peer_context_takeover = peer_keeps;
  result.window_bits = result.peer_window_bits = bits;
  result.threshold = threshold;
  return result;
}

// As after some quiet time.
void rest(compressed_end& one) {
  for (int i = 0; i != 2; ++i) one.deflate.rest();
}

std::string json(std::size_t number) {
  return R"({"kind":"PRICE","symbol":"KW)" + std::to_string(number % 7) + R"(","bid":)" +
         std::to_string(number * 37 % 1000) + R"(,"ask":)" + std::to_string(number * 41 % 1000) +
         R"(,"venue":"somewhere","currency":"EUR"})";
}

TEST_CASE("permessage-deflate: any messages, any fragments, any splits, both ways, on any terms") {
  random_numbers numbers{31};
  for (int round = 0; round != 150; ++round) {
    CAPTURE(round);
    bool const keeps = numbers.one_in(2);
    auto own = choices(keeps, true, static_cast<int>(9 + numbers.below(7)), numbers.one_in(2) ? 0 : 50);
    own.level = static_cast<int>(1 + numbers.below(9));
    own.memory_level = static_cast<int>(1 + numbers.below(9));
    for (role const self : both_roles) {
      compressed_end sender{self, own};
      compressed_end receiver{peer_of(self), choices(true, keeps, own.window_bits)};
      events sent;
      bytes wire;
      for (std::size_t left = 1 + numbers.below(20); left != 0; --left) {
        opcode const type = numbers.one_in(3) ? opcode::binary : opcode::text;
        auto const how = numbers.one_in(5) ? kw::compress::no : kw::compress::yes;
        auto const payload = [&] {
          if (type == opcode::binary && numbers.one_in(2)) return numbers.any(numbers.below(2000));
          if (numbers.one_in(2)) return text(json(numbers.below(1000)));
          return numbers.one_in(8) ? bytes{} : numbers.utf8(numbers.below(3000));
        };
        bytes whole = payload();
        bool const in_parts = numbers.one_in(3);
        CHECK_FALSE(sender.ws.send(type, whole, !in_parts, how));
        for (std::size_t part = in_parts ? 1 + numbers.below(4) : 0; part != 0; --part) {
          if (numbers.one_in(2)) CHECK_FALSE(sender.ws.send(opcode::ping, text("?")));
          bytes const more = payload();
          whole += more;
          CHECK_FALSE(sender.ws.send(opcode::continuation, more, part == 1));
        }
        sent.push_back({type, whole});
        wire += sender.output();
        if (numbers.one_in(6)) rest(sender);
      }
      receiver.take_in_pieces(wire, numbers.one_in(3) ? SIZE_MAX : 1 + numbers.below(100));
      CHECK_FALSE(receiver.ws.error());
      CHECK(receiver.seen == sent);
      CHECK(receiver.ws.is_at_rest() == receiver.ws.output().empty());
    }
  }
}

TEST_CASE("permessage-deflate: RSV1 on the first frame only, and never on a control frame (§6.1)") {
  compressed_end sender{role::server, choices(true, true, 15)};
  CHECK_FALSE(sender.ws.send(opcode::text, text("Hel"), false));
  CHECK_FALSE(sender.ws.send(opcode::ping, text("a ping that would be worth it: aaaaaaaaaaaaaaaaaaaaaaaaa")));
  CHECK_FALSE(sender.ws.send(opcode::continuation, text("lo"), true));
  CHECK_FALSE(
      sender.ws.close(kw::close_code::normal, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
  reference_receiver plain{role::client};
  bytes output = sender.output();
  std::vector<unsigned> first;
  for (std::size_t at = 0; at < output.size(); at += 2 + std::to_integer<std::size_t>(output[at + 1]))
    first.push_back(std::to_integer<unsigned>(output[at]));
  CHECK(first == std::vector<unsigned>{0x41, 0x89, 0x80, 0x88});
}

// sockudo-ws #14: a message that is compressed and then sent as it is leaves the two windows apart.
TEST_CASE("permessage-deflate: a message that grows is sent as it is, and those after it are right") {
  random_numbers numbers{32};
  for (bool const keeps : {false, true}) {
    compressed_end sender{role::server, choices(keeps, true, 15)};
    compressed_end receiver{role::client, choices(true, keeps, 15)};
    events sent;
    int plain = 0;
    for (std::size_t i = 0; i != 50; ++i) {
      bytes const payload = i % 2 == 0 ? text(json(i)) : numbers.any(300);
      opcode const type = i % 2 == 0 ? opcode::text : opcode::binary;
      CHECK_FALSE(sender.ws.send(type, payload));
      sent.push_back({type, payload});
      bytes const output = sender.output();
      bool const as_it_is = reserved_bits_of(output) == 0;
      CHECK((!as_it_is || type == opcode::binary));
      CHECK(output.size() <= payload.size() + 4);
      plain += as_it_is ? 1 : 0;
      receiver.take(output);
    }
    CHECK(plain == 25);
    CHECK(receiver.seen == sent);
  }
}

TEST_CASE("permessage-deflate: what does not shrink is tried ever more rarely, until it shrinks again") {
  deflate::detail::permessage_deflate extension{std::make_shared<service>(choices(true, true, 15)), {}};
  random_numbers numbers{33};
  std::vector<int> tried;
  for (int i = 0; i != 300; ++i) {
    kw::buffer to;
    CHECK_FALSE(extension.encode(opcode::binary, numbers.any(500), true, kw::compress::yes, to));
    if (to.size() != 0) tried.push_back(i);
  }
  CHECK(tried == std::vector<int>{0, 2, 6, 14, 30, 62, 126, 190, 254});
  // Text has a habit of its own.
  kw::buffer to;
  CHECK(extension.encode(opcode::text, text(json(1) + json(2)), true, kw::compress::yes, to));
  // And one success ends it.
  int until = 0;
  while (!extension.encode(opcode::binary, text(json(1) + json(2)), true, kw::compress::yes, to)) ++until;
  CHECK(until <= 63);
  CHECK(extension.encode(opcode::binary, text(json(3) + json(4)), true, kw::compress::yes, to));
}

TEST_CASE("permessage-deflate: shorter messages than the threshold are sent as they are") {
  compressed_end sender{role::server, choices(true, true, 15, 100)};
  for (std::size_t const size : {0u, 1u, 99u, 100u, 101u}) {
    CAPTURE(size);
    CHECK_FALSE(sender.ws.send(std::string(size, 'a')));
    CHECK(reserved_bits_of(sender.output()) == (size < 100 ? 0 : 0x40));
  }
  // Of a fragment, nobody knows how long the message will be.
  CHECK_FALSE(sender.ws.send(opcode::text, text("a"), false));
  CHECK(reserved_bits_of(sender.output()) == 0x40);
}

TEST_CASE("permessage-deflate: with a window of 8 bits nothing is compressed, and everything read") {
  terms narrow;
  narrow.context_takeover = narrow.peer_context_takeover = true;
  narrow.window_bits = narrow.peer_window_bits = 8;
  compressed_end one{role::client, deflate::full(), narrow};
  CHECK_FALSE(one.ws.send(std::string(1000, 'a')));
  CHECK(reserved_bits_of(one.output()) == 0);
  CHECK_FALSE(one.ws.send(opcode::text, {}, false));
  CHECK(reserved_bits_of(one.output()) == 0);
  reference_deflater peer{9, 8, 6};  // never refers further back than 250 bytes
  for (std::size_t i = 0; i != 20; ++i) {
    one.take(compressed_frame(role::server, opcode::text, peer.message(text(json(i)))));
    CHECK(one.seen.back() == reference_event{opcode::text, text(json(i))});
  }
  CHECK(one.deflate.memory() < 9000);
}

TEST_CASE("permessage-deflate: contexts are made for the first message, and kept as agreed") {
  std::size_t const before = deflate::memory_in_use();
  {
    compressed_end keeping{role::server, choices(true, true, 12)};
    compressed_end sharing{role::server, choices(false, false, 12)};
    CHECK(deflate::memory_in_use() == before);
    CHECK(keeping.deflate.memory() == 0);
    for (auto* const one : {&keeping, &sharing}) {
      one->take(frame(role::client, opcode::text, text("plain")));
      CHECK_FALSE(one->ws.send("short", kw::compress::no));
      CHECK(one->deflate.memory() == 0);
    }
    for (std::size_t i = 0; i != 3; ++i) {
      bytes const input = compressed(role::client, opcode::text, text(json(i)));
      for (auto* const one : {&keeping, &sharing}) {
        one->take(std::span{input}.first(input.size() / 2));
        CHECK(one->deflate.memory() != 0);
        one->take(std::span{input}.subspan(input.size() / 2));
        CHECK_FALSE(one->ws.send(json(i)));
        one->output();
        CHECK(one->ws.is_at_rest());
      }
      CHECK(sharing.deflate.memory() == 0);
      std::size_t const kept = keeping.deflate.memory();
      CHECK(kept > 4096 + 8192);
      CHECK(kept <= deflate::detail::kept_memory(keeping.deflate.agreed(), choices(true, true, 12)));
    }
    // The sender need not keep its window, once it was not used for a while; the receiver must.
    keeping.deflate.rest();
    CHECK(keeping.deflate.memory() > 4096 + 8192);
    keeping.deflate.rest();
    CHECK(keeping.deflate.memory() < 4096 + 8192);
    CHECK(keeping.deflate.memory() != 0);
  }
}

TEST_CASE(
    "permessage-deflate: a prepared message is compressed once for all that agreed alike, and is right for "
    "the others") {
  random_numbers numbers{35};
  auto const options = choices(false, false, 15, 40);
  auto const common = std::make_shared<service>(options);
  struct receiver {
    permessage_deflate sending;
    kw::session server;
    compressed_end client;
    events sent{};
    receiver(std::shared_ptr<service> const& of, terms const& agreed)
        : sending(of, agreed),
          server(role::server, {}, &sending),
          client(role::client, choices(true, true, 15)) {}
    bytes deliver() {
      bytes const wire = copy(server.output());
      server.consume(wire.size());
      client.take(wire);
      return wire;
    }
  };
  std::deque<receiver> all;
  for (int i = 0; i != 12; ++i) {
    bool const keeps = i % 4 == 3;  // others' windows are what they are
    all.emplace_back(common, terms{keeps, true, i % 3 == 2 ? 10 : 15, 15});
  }
  for (int round = 0; round != 60; ++round) {
    bool const is_text = numbers.one_in(2);
    bytes const payload = numbers.one_in(3)   ? numbers.any(numbers.below(300))
                          : numbers.one_in(8) ? bytes{}
                                              : text(json(numbers.below(1000)) + json(numbers.below(1000)));
    auto const type = is_text ? opcode::text : opcode::binary;
    auto const whole = is_text ? text(json(numbers.below(50))) : payload;
    kw::prepared_message const news{type, whole};
    auto const how = numbers.one_in(6) ? kw::compress::no : kw::compress::yes;
    std::map<int, bytes> wires;  // by window, of those that keep nothing
    for (auto& each : all) {
      if (numbers.one_in(2)) {
        std::string const between = json(numbers.below(1000));
        CHECK_FALSE(each.server.send(between));
        each.sent.push_back({opcode::text, text(between)});
        each.deliver();
      }
      CHECK_FALSE(each.server.send(news, how));
      each.sent.push_back({type, whole});
      bytes const wire = each.deliver();
      if (each.sending.agreed().context_takeover) continue;
      auto const [known, fresh] = wires.try_emplace(each.sending.agreed().window_bits, wire);
      if (!fresh) CHECK(known->second == wire);
      CHECK(each.sending.memory() == 0);
    }
    if (how == kw::compress::yes) {
      for (int const bits : {10, 15}) {
        auto const made = news.encoded({common, &common->of(bits)});
        CHECK(made->payload.has_value() == ((wires.at(bits).at(0) & std::byte{0x40}) != std::byte{}));
      }
    }
  }
  for (auto& each : all) {
    CHECK_FALSE(each.client.ws.error());
    CHECK(each.client.seen == each.sent);
  }
}

TEST_CASE("permessage-deflate: a prepared message that may not be sent now leaves everything as it is") {
  compressed_end one{role::server, choices(false, false, 15)};
  kw::prepared_message const news{json(1) + json(2)};
  CHECK(one.ws.send(kw::prepared_message{opcode::ping, {}}) == kw::error::invalid_argument);
  CHECK(one.ws.send_encoded(opcode::ping, {}) == kw::error::invalid_argument);
  CHECK_FALSE(one.ws.send(opcode::text, text("a"), false));
  one.output();
  CHECK(one.ws.send(news) == kw::error::fragment_in_progress);
  CHECK(one.ws.output().empty());
  CHECK_FALSE(one.ws.send(opcode::continuation, text("b"), true));
  one.output();
  CHECK_FALSE(one.ws.send(news));
  CHECK(reserved_bits_of(one.output()) == 0x40);
  CHECK_FALSE(one.ws.close());
  one.output();
  CHECK(one.ws.send(news) == kw::error::closed);
  CHECK(one.ws.output().empty());

  kw::session plain{role::server};
  CHECK(plain.send_encoded(opcode::text, text("a")) == kw::error::invalid_argument);
  CHECK_FALSE(plain.send(kw::prepared_message{"as it is"}));
  CHECK(copy(plain.output()) == frame(0x81, text("as it is"), nullptr));
}

// NATS: two connections with messages under way at once.
TEST_CASE("permessage-deflate: connections of a thread share contexts, and never what is in them") {
  random_numbers numbers{34};
  std::deque<compressed_end> all;
  for (int i = 0; i != 20; ++i) all.emplace_back(role::server, choices(false, false, 15));
  std::vector<bytes> wires(all.size());
  std::vector<events> sent(all.size());
  std::vector<std::size_t> at(all.size());
  for (std::size_t i = 0; i != all.size(); ++i) {
    for (std::size_t message = 0; message != 10; ++message) {
      bytes const payload = text(std::to_string(i) + json(i * 10 + message) + json(message));
      bytes const coded = reference_deflater{}.message(payload);
      auto const half = static_cast<std::ptrdiff_t>(coded.size() / 2);
      wires[i] +=
          compressed_frame(role::client, opcode::text, bytes(coded.begin(), coded.begin() + half), false);
      wires[i] += frame(role::client, opcode::continuation, bytes(coded.begin() + half, coded.end()));
      sent[i].push_back({opcode::text, payload});
    }
  }
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i != all.size(); ++i) {
      std::size_t const size = std::min(1 + numbers.below(40), wires[i].size() - at[i]);
      all[i].take(std::span{wires[i]}.subspan(at[i], size));
      at[i] += size;
      more = more || at[i] != wires[i].size();
    }
  }
  for (std::size_t i = 0; i != all.size(); ++i) CHECK(all[i].seen == sent[i]);
}

TEST_CASE("permessage-deflate: how much a message may take to arrive") {
  deflate::detail::permessage_deflate const extension{std::make_shared<service>(deflate::full()), {}};
  CHECK(extension.longest_encoding(0, 0) == 1024);
  CHECK(extension.longest_encoding(SIZE_MAX, SIZE_MAX) == SIZE_MAX);
  // faye #39: what zlib makes of a message of random bytes is longer, and must still pass.
  random_numbers numbers{35};
  for (std::size_t const limit : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{1} << 20}) {
    kw::session_options options;
    options.max_message_size = limit;
    for (int const level : {0, 1, 9}) {
      bytes const payload = numbers.any(limit);
      compressed_end one{role::server, deflate::full(), {}, options};
      one.take(
          compressed_frame(role::client, opcode::binary, reference_deflater{9, 1, level}.message(payload)));
      CHECK(one.seen == events{{opcode::binary, payload}});
    }
  }
}

TEST_CASE(
    "permessage-deflate: as many fragments as there may be, each flushed, are within the limit of their "
    "message") {
  for (std::size_t const each : {1u, 4u, 16u}) {
    CAPTURE(each);
    kw::session_options options;
    options.max_message_size = each * 4096;
    random_numbers numbers{36};
    compressed_end sender{role::client, choices(true, true, 15)};
    compressed_end receiver{role::server, choices(true, true, 15), {}, options};
    bytes whole;
    for (std::size_t i = 0; i != 4096; ++i) {
      bytes const part = numbers.ascii(each);
      whole += part;
      CHECK_FALSE(sender.ws.send(i == 0 ? opcode::text : opcode::continuation, part, i == 4095));
    }
    receiver.take(sender.output());
    CHECK_FALSE(receiver.ws.error());
    CHECK(receiver.seen == events{{opcode::text, whole}});
  }
}

TEST_CASE(
    "permessage-deflate: without takeover a connection keeps nothing, whatever becomes of its messages") {
  random_numbers numbers{37};
  std::size_t one = 0;
  std::deque<compressed_end> all;
  for (int i = 0; i != 30; ++i) {
    auto& end = all.emplace_back(role::server, choices(false, false, 15));
    CHECK_FALSE(end.ws.send(opcode::binary, numbers.any(300)));  // does not shrink
    CHECK_FALSE(end.ws.send(opcode::text, text(json(1) + json(2))));
    end.take(compressed(role::client, opcode::text, text(json(3))));
    CHECK(end.deflate.memory() == 0);
    // Fails in the middle of a message, by its bytes, by its text, by its size, or by the end.
    end.take(compressed_frame(role::client, opcode::text, hex("f2 48"), false));
    CHECK(end.deflate.memory() != 0);
    if (i % 4 == 0) end.take(frame(role::client, opcode::continuation, hex("ff ff")));
    if (i % 4 == 1) end.take(frame(role::client, opcode::text, {}));
    if (i % 4 == 2) end.take(frame(role::server, opcode::continuation, {}));
    if (i % 4 == 3) end.ws.end_of_input();
    CHECK(end.ws.state() == kw::session_state::closed);
    CHECK(end.deflate.memory() == 0);
    if (i == 3) one = deflate::memory_in_use();
  }
  CHECK(deflate::memory_in_use() == one);
}

TEST_CASE("permessage-deflate: a thread keeps contexts of two shapes") {
  using deflate::detail::contexts;
  deflate::detail::deflater_shape const narrow{&deflate::detail::zlib_compressor, 10, 8, 6};
  deflate::detail::deflater_shape const wide{&deflate::detail::zlib_compressor, 15, 8, 6};
  auto one = contexts::take_deflater(narrow);
  auto two = contexts::take_deflater(wide);
  auto const* const first = one.get();
  auto const* const second = two.get();
  contexts::give(std::move(one));
  contexts::give(std::move(two));
  for (int i = 0; i != 6; ++i) {
    auto const& shape = i % 3 == 0 ? narrow : wide;
    auto taken = contexts::take_deflater(shape);
    CHECK(taken.get() == (i % 3 == 0 ? first : second));
    contexts::give(std::move(taken));
  }
}

}  // namespace

}  // namespace permessage_deflate_tests
