// Whatever streams do, each connection gets what is published, sent to it and sent by itself once, whole and
// in the order of the calls.
#include <kindwire/hub.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <cstddef>
#include <kindwire/frame/decoder.hpp>
#include <kindwire/message/prepared_message.hpp>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../net/test_stream.hpp"

namespace hub_order_tests {

namespace kw = kindwire;
using hub = kw::hub<int>;

namespace {

kw::net::connection_options with_mark(std::size_t soft) {
  kw::net::connection_options options;
  options.send_queue_soft = soft;
  options.send_queue_hard = std::size_t{1} << 30;
  return options;
}

template <class Stream>
struct end {
  end(asio::io_context& io, std::mt19937& random, bool on_strand, std::size_t soft)
      : far(std::make_shared<test::peer>(on_strand ? asio::any_io_executor(asio::make_strand(io))
                                                   : asio::any_io_executor(io.get_executor()))),
        ws(std::in_place, Stream(far), kw::role::server, with_mark(soft)) {
    constexpr std::size_t sizes[] = {3, 100, 5000, SIZE_MAX};
    far->max_write = sizes[random() % 4];
  }
  ~end() { far->drop(); }

  std::vector<std::string> heard() const {
    std::string written = far->written();
    std::span<std::byte> input{reinterpret_cast<std::byte*>(written.data()), written.size()};
    std::vector<std::string> all;
    std::string message;
    kw::frame_decoder<kw::role::client> decoder;
    while (auto chunk = decoder.next(input)) {
      message += kw::message(chunk.header->type, chunk.payload).text();
      if (chunk.header->fin) all.push_back(std::exchange(message, {}));
    }
    CHECK(!decoder.error());
    return all;
  }

  std::shared_ptr<test::peer> far;
  std::optional<kw::net::basic_websocket<Stream>> ws;
  std::optional<hub::seat> seat;
  std::vector<std::string> expected;
};

bool is_part_of(std::vector<std::string> const& some, std::vector<std::string> const& all) {
  auto at = all.begin();
  for (auto const& each : some) {
    at = std::find(at, all.end(), each);
    if (at == all.end()) return false;
    ++at;
  }
  return true;
}
auto owned(std::vector<std::string> const& all) {
  return std::count_if(all.begin(), all.end(), [](auto const& each) { return each.starts_with("own"); });
}

template <class Stream>
void talk(unsigned seed, bool on_strands, std::size_t soft = std::size_t{1} << 30) {
  CAPTURE(seed);
  CAPTURE(on_strands);
  std::mt19937 random(seed);
  asio::io_context io;
  hub users({.slow = kw::slow_reader::drop_newest, .rooms = {.slow = kw::slow_reader::drop_oldest}});
  std::vector<std::unique_ptr<end<Stream>>> ends;
  for (int i = 0; i < 3; ++i) {
    ends.push_back(std::make_unique<end<Stream>>(io, random, on_strands, soft));
    ends.back()->seat.emplace(users.join(i, *ends.back()->ws));
    ends.back()->seat->enter("all");
    if (i != 0) ends.back()->seat->enter("some");
  }
  auto const all = users.room("all");
  auto const some = users.room("some");
  for (int round = 0; round < 150; ++round) {
    std::size_t const size = random() % 30 == 0   ? random() % 100000
                             : random() % 10 == 0 ? random() % 3000
                                                  : random() % 50;
    std::string const text =
        std::to_string(round) + std::string(size, static_cast<char>('a' + random() % 26));
    std::size_t const which = random() % 3;
    end<Stream>& one = *ends[which];
    switch (random() % 9) {
      case 0:
      case 1:
        all.publish(text);
        for (auto const& each : ends) each->expected.push_back(text);
        break;
      case 2:
        some.publish_but(*one.seat, text);
        for (std::size_t i = 1; i < 3; ++i) {
          if (i != which) ends[i]->expected.push_back(text);
        }
        break;
      case 3:
        users.send(static_cast<int>(which), text);
        one.expected.push_back(text);
        break;
      case 4:
        CHECK(!one.ws->try_send("own" + text));
        one.expected.push_back("own" + text);
        break;
      case 5:
        CHECK(!one.ws->try_send(kw::prepared_message("own" + text)));
        one.expected.push_back("own" + text);
        break;
      case 6: one.far->writes_wait = true; break;
      case 7: one.far->let_write(); break;
      default:
        io.restart();
        for (auto n = random() % 10; n != 0; --n) io.poll_one();
    }
  }
  bool const closes = random() % 2 == 0;
  if (closes) {
    // Without a turn in between.
    for (auto const& each : ends) {
      each->seat.reset();
      each->ws->try_close();
      each->expected.push_back("\x03\xe8");
    }
  }
  for (auto const& each : ends) each->far->let_write();
  test::settle(io);
  for (auto const& each : ends) {
    auto const heard = each->heard();
    if (soft == std::size_t{1} << 30) {
      CHECK(heard == each->expected);
    } else {
      CHECK(is_part_of(heard, each->expected));
      CHECK(owned(heard) == owned(each->expected));
    }
  }
}

}  // namespace

TEST_CASE("on a context that one thread runs, over streams that wait and streams that do not") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    talk<test::ready_stream>(seed, false);
    talk<test::stream>(seed, false);
  }
}

TEST_CASE("those that are behind miss whole messages, and nothing of their own") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    talk<test::ready_stream>(seed, false, 1000);
    talk<test::stream>(seed, false, 1000);
    talk<test::ready_stream>(seed, true, 200);
  }
}

TEST_CASE("each on a strand") {
  for (unsigned seed = 0; seed < 8; ++seed) {
    talk<test::ready_stream>(seed, true);
    talk<test::stream>(seed, true);
  }
}

}  // namespace hub_order_tests
