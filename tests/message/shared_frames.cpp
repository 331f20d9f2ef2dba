#include <kindwire/message/shared_frames.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <kindwire/frame/decoder.hpp>
#include <kindwire/message/message.hpp>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shared_frames_tests {

namespace kw = kindwire;
using kw::opcode;
using kw::detail::frame_log;
using kw::detail::shared_frames;

namespace {

std::span<std::byte const> bytes(std::string_view text) { return kw::detail::as_bytes(text); }

std::vector<std::string> payloads(shared_frames const& frames) {
  std::vector<std::byte> copy(frames.bytes().begin(), frames.bytes().end());
  std::span<std::byte> input{copy};
  std::vector<std::string> all;
  kw::frame_decoder<kw::role::client> decoder;
  while (auto chunk = decoder.next(input))
    all.emplace_back(kw::message(chunk.header->type, chunk.payload).text());
  CHECK(!decoder.error());
  CHECK(input.empty());
  return all;
}

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a frame in a block of its own lives as long as any copy") {
  shared_frames last;
  CHECK_FALSE(last);
  CHECK(last.bytes().empty());
  CHECK(last.block_size() == 0);
  {
    auto const one = shared_frames::of(opcode::text, bytes("to everybody"));
    auto copy = one;
    last = std::move(copy);
  }
  REQUIRE(last);
  CHECK(payloads(last) == strings{"to everybody"});
  last = {};
  CHECK_FALSE(last);
}

TEST_CASE("frames of a log that follow each other join, and others do not") {
  frame_log log;
  auto first = log.append(opcode::text, bytes("a"));
  auto const second = log.append(opcode::text, bytes("bc"));
  auto const third = log.append(opcode::binary, bytes(""));
  CHECK_FALSE(first.join(third));
  CHECK(first.join(second));
  CHECK(first.join(third));
  CHECK_FALSE(first.join(third));
  CHECK(payloads(first) == strings{"a", "bc", ""});

  frame_log other;
  CHECK_FALSE(first.join(other.append(opcode::text, bytes("x"))));
  CHECK_FALSE(shared_frames().join(second));
}

TEST_CASE("a run is used up from its front, and cut at its end, apart from its copies") {
  frame_log log;
  auto run = log.append(opcode::text, bytes("first"));
  auto const first = run.size();
  CHECK(run.join(log.append(opcode::text, bytes("second"))));
  CHECK(run.join(log.append(opcode::text, bytes("third"))));
  auto const all = run;

  run.truncate(first + first + 1);  // "second" is a byte longer
  CHECK(payloads(run) == strings{"first", "second"});
  run.consume(first);
  CHECK(run.size() == first + 1);
  CHECK(payloads(run) == strings{"second"});
  run.truncate(0);
  CHECK(run.bytes().empty());
  CHECK(run.size() == 0);
  CHECK(payloads(all) == strings{"first", "second", "third"});
}

TEST_CASE("a log writes over what nobody uses, and nothing else") {
  frame_log log;
  CHECK(log.append(opcode::text, bytes("small")).block_size() == 1024);
  CHECK(log.append(opcode::text, bytes(std::string(3000, 'x'))).block_size() > 3000);
  log.rest();
  CHECK(log.append(opcode::text, bytes("small")).block_size() == 1024);
  std::byte const* const place = log.append(opcode::text, bytes("gone")).bytes().data();
  auto const kept = log.append(opcode::text, bytes("kept"));
  CHECK(kept.bytes().data() == place);
  CHECK(log.append(opcode::text, bytes("next")).bytes().data() != place);
  CHECK(payloads(kept) == strings{"kept"});
  log.rest();
  CHECK(payloads(kept) == strings{"kept"});
}

TEST_CASE("random messages, of which some are kept, come out as they went in") {
  std::mt19937 random(5);
  frame_log log;
  std::vector<std::pair<shared_frames, strings>> kept;
  for (int round = 0; round < 2000; ++round) {
    std::string const text(random() % (round % 100 == 0 ? 200000 : 300),
                           static_cast<char>('a' + random() % 26));
    auto frames = log.append(opcode::text, bytes(text));
    if (random() % 3 != 0) {
      if (!kept.empty() && kept.back().first.join(frames)) {
        kept.back().second.push_back(text);
      } else {
        kept.push_back({std::move(frames), {text}});
      }
    }
    if (kept.size() > 20) kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(random() % kept.size()));
    if (random() % 200 == 0) kept.clear();
    if (random() % 50 == 0) log.rest();
    if (random() % 20 != 0) continue;
    for (auto const& [run, texts] : kept) CHECK(payloads(run) == texts);
  }
}

TEST_CASE("the size of the first frame is that of its header and payload") {
  for (std::size_t size : {0u, 1u, 125u, 126u, 65535u, 65536u}) {
    auto const one = shared_frames::of(opcode::binary, std::vector<std::byte>(size));
    CHECK(kw::detail::first_frame_size(one.bytes()) == one.size());
  }
}

}  // namespace shared_frames_tests
