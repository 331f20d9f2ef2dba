#include <kindwire/message/prepared_message.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../support/bytes.hpp"
#include "../support/reverser.hpp"

namespace prepared_message_tests {

namespace {

namespace kw = kindwire;
using namespace support;

}  // namespace

TEST_CASE("prepared message: its payload is its own, and shared by its copies") {
  std::string original = "to everybody";
  kw::prepared_message const text{original};
  kw::prepared_message const copied = text;
  original = "something else";
  CHECK(text.type() == kw::message_type::text);
  CHECK(copy(text.bytes()) == support::text("to everybody"));
  CHECK(copied.bytes().data() == text.bytes().data());

  bytes const data = hex("00 ff 80");
  kw::prepared_message const binary{kw::message_type::binary, data};
  CHECK(binary.type() == kw::message_type::binary);
  CHECK(copy(binary.bytes()) == data);
  kw::prepared_message const received{kw::message{kw::message_type::binary, data}};
  CHECK(received.type() == kw::message_type::binary);
  CHECK(copy(received.bytes()) == data);
  CHECK(kw::prepared_message{std::string_view{}}.bytes().empty());
}

TEST_CASE("prepared message: the frame of a server is made once, for all of its copies") {
  kw::prepared_message const news{"abcd"};
  kw::prepared_message const copied = news;
  CHECK(copy(news.frame().bytes()) == hex("81 04") + text("abcd"));
  CHECK(copied.frame().bytes().data() == news.frame().bytes().data());
  bytes const data = repeat(126, 0xFF);
  kw::prepared_message const binary{kw::message_type::binary, data};
  CHECK(copy(binary.frame().bytes()) == hex("82 7e 00 7e") + data);
}

TEST_CASE("prepared message: an encoder is asked once, and so is one to which it is not worth it") {
  auto const first = std::make_shared<reverser>();
  auto const second = std::make_shared<reverser>();
  kw::prepared_message const news{"abcd"};
  kw::prepared_message const copied = news;
  for (int i = 0; i != 3; ++i) {
    for (auto const& by : {first, second}) {
      auto const made = (i == 1 ? copied : news).encoded(by);
      CHECK(made->payload.has_value());
      CHECK(made->payload == text("dcba"));
    }
  }
  CHECK(first->calls == 1);
  CHECK(second->calls == 1);

  kw::prepared_message const shorter{"abc"};
  for (int i = 0; i != 3; ++i) CHECK_FALSE(shorter.encoded(first)->payload.has_value());
  CHECK(first->calls == 2);

  first->fails = true;  // but asked again after it had no memory
  kw::prepared_message const later{"efgh"};
  CHECK_FALSE(later.encoded(first)->payload.has_value());
  CHECK(later.encoded(first)->payload == text("hgfe"));
  CHECK(later.encoded(first)->payload.has_value());
  CHECK(first->calls == 4);
}

TEST_CASE("prepared message: what it keeps is bounded, and what it has given out stays") {
  std::vector<std::shared_ptr<reverser>> all;
  std::vector<std::shared_ptr<kw::prepared_message::encoding const>> made;
  kw::prepared_message const news{"abcd"};
  for (int i = 0; i != 100; ++i) {
    all.push_back(std::make_shared<reverser>());
    made.push_back(news.encoded(all.back()));
  }
  for (auto const& each : made) CHECK(each->payload == text("dcba"));
  auto const kept =
      std::count_if(all.begin(), all.end(), [](auto const& each) { return each.use_count() > 1; });
  CHECK(kept > 0);
  CHECK(kept <= 16);
}

TEST_CASE("prepared message: threads that ask at once get one encoding") {
  for (int round = 0; round != 50; ++round) {
    auto const by = std::make_shared<reverser>();
    kw::prepared_message const news{std::string(1000, 'a')};
    std::vector<std::thread> threads;
    std::atomic<int> right{0};
    for (int i = 0; i != 4; ++i) {
      threads.emplace_back([&right, by, news] {
        for (int again = 0; again != 10; ++again) right += news.encoded(by)->payload->size() == 1000 ? 1 : 0;
      });
    }
    for (auto& each : threads) each.join();
    CHECK(right == 40);
    CHECK(by->calls == 1);
  }
}

}  // namespace prepared_message_tests
