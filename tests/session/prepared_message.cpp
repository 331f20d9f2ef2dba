#include <kindwire/session/prepared_message.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <kindwire/session.hpp>

#include "../support/bytes.hpp"
#include "../support/end.hpp"
#include "../support/reverser.hpp"
#include "../support/toy_extension.hpp"

namespace session_prepared_message_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::opcode;
using kw::role;

// Has nothing to do for a message but what the encoder does, and marks it by RSV3.
class reversing final : public kw::message_extension {
 public:
  static constexpr std::uint8_t bit = 0x10;

  explicit reversing(std::shared_ptr<reverser const> by) : message_extension(bit), by_(std::move(by)) {}

  std::size_t longest_encoding(std::size_t size, std::size_t) const noexcept override { return size; }
  kw::error decode(std::span<std::byte const>&, std::span<std::byte>&, bool) override {
    return kw::error::invalid_compression;
  }
  bool encode(kw::message_type, std::span<std::byte const>, bool, kw::compress how, kw::buffer&) override {
    (how == kw::compress::yes ? asked : asked_in_vain) += 1;
    return false;
  }
  std::shared_ptr<kw::message_encoder const> encoder() const noexcept override { return by_; }

  int asked = 0;
  int asked_in_vain = 0;

 private:
  std::shared_ptr<reverser const> by_;
};

// What was sent, which is one short frame: unmasked, with the key left out.
bytes sent(kw::session& ws) {
  bytes all = copy(ws.output());
  ws.consume(all.size());
  if (all.size() >= 6 && (all[1] & std::byte{0x80}) != std::byte{0}) {
    for (std::size_t at = 6; at != all.size(); ++at) all[at] ^= all[2 + (at - 6) % 4];
    all[1] &= std::byte{0x7F};
    all.erase(all.begin() + 2, all.begin() + 6);
  }
  return all;
}

}  // namespace

TEST_CASE("session: a prepared message goes out as its encoder has made it, once for all connections") {
  auto const by = std::make_shared<reverser>();
  kw::prepared_message const news{kw::message_type::binary, hex("01 02 03 04")};
  kw::prepared_message const brief{"abc"};
  for (role const self : both_roles) {
    for (int round = 0; round != 3; ++round) {
      reversing extension{by};
      kw::session ws{self, {}, &extension};
      CHECK_FALSE(ws.send(news));
      CHECK(sent(ws) == hex("92 04 04 03 02 01"));
      CHECK(extension.asked + extension.asked_in_vain == 0);
      extension.rest();  // there is nothing to give back
      // One that is not worth it is sent as it is, and so is one that must not be transformed.
      CHECK_FALSE(ws.send(brief));
      CHECK(sent(ws) == hex("81 03") + text("abc"));
      CHECK_FALSE(ws.send(news, kw::compress::no));
      CHECK(sent(ws) == hex("82 04 01 02 03 04"));
      CHECK(extension.asked == 0);
      CHECK(extension.asked_in_vain == 2);
    }
  }
  CHECK(by->calls == 2);
}

TEST_CASE("session: a prepared message without an encoder for it is sent like any other") {
  kw::prepared_message const news{"to everybody"};
  for (role const self : both_roles) {
    kw::session plain{self};
    CHECK_FALSE(plain.send(news));
    CHECK(sent(plain) == hex("81 0c") + text("to everybody"));

    // The next message depends on those before.
    toy_extension toy;
    kw::session one{self, {}, &toy};
    CHECK_FALSE(one.send(news));
    CHECK(sent(one) == hex("a1 0c") + toy_encoded(text("to everybody")));
    CHECK_FALSE(one.send(news));
    CHECK(sent(one) == hex("a1 0c") + toy_encoded(text("to everybody"), 12));

    // The encoder has no memory this time.
    auto const by = std::make_shared<reverser>();
    by->fails = true;
    reversing extension{by};
    kw::session poor{self, {}, &extension};
    kw::prepared_message const later{"abcd"};
    CHECK_FALSE(poor.send(later));
    CHECK(sent(poor) == hex("81 04") + text("abcd"));
    CHECK_FALSE(poor.send(later));
    CHECK(sent(poor) == hex("91 04") + text("dcba"));
  }
}

TEST_CASE("session: a prepared message that may not be sent now is not encoded, or not queued") {
  for (role const self : both_roles) {
    auto const by = std::make_shared<reverser>();
    reversing extension{by};
    kw::session ws{self, {}, &extension};
    kw::prepared_message const news{"abcd"};
    for (auto const type :
         {kw::message_type::ping, kw::message_type::close, kw::message_type::continuation}) {
      CHECK(ws.send(kw::prepared_message{type, {}}) == kw::error::invalid_argument);
      CHECK(ws.send_encoded(type, {}) == kw::error::invalid_argument);
    }
    CHECK(by->calls == 0);
    CHECK_FALSE(ws.send(kw::message_type::text, text("a"), false));
    sent(ws);
    CHECK(ws.send(news) == kw::error::fragment_in_progress);
    CHECK(ws.output().empty());
    CHECK_FALSE(ws.send(kw::message_type::continuation, {}));
    sent(ws);
    CHECK_FALSE(ws.send(news));
    CHECK(sent(ws) == hex("91 04") + text("dcba"));
    CHECK(by->calls == 1);

    ws.close(kw::close_code::normal);
    sent(ws);
    CHECK(ws.send(kw::prepared_message{"efgh"}) == kw::error::closed);
    CHECK(ws.send_encoded(kw::message_type::text, text("hgfe")) == kw::error::closed);
    CHECK(ws.output().empty());
    CHECK(by->calls == 1);

    kw::session plain{self};
    CHECK(plain.send_encoded(kw::message_type::text, text("hgfe")) == kw::error::invalid_argument);
    CHECK(plain.output().empty());
  }
}

}  // namespace session_prepared_message_tests
