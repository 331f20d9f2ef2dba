#include <kindwire/frame/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#define CAN_FORK 1
#endif

#include "support/bytes.hpp"

namespace random_tests {

namespace {

namespace kw = kindwire;
using namespace support;

std::vector<std::uint32_t> draw(std::size_t count) {
  std::vector<std::uint32_t> keys(count);
  for (auto& each : keys) {
    auto const drawn = kw::random_masking_key();
    std::memcpy(&each, drawn.data(), drawn.size());
  }
  return keys;
}

std::size_t common(std::vector<std::uint32_t> first, std::vector<std::uint32_t> second) {
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  std::vector<std::uint32_t> both;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(both));
  return both.size();
}

TEST_CASE("random: every byte of every size is filled, and none behind it") {
  for (std::size_t const size : {0u, 1u, 4u, 255u, 256u, 257u, 511u, 512u, 513u, 5000u}) {
    CAPTURE(size);
    bytes data = repeat(size + 1, 0xEE);
    bytes changed = repeat(size, 0);
    // A byte stays what it was with a chance of 1 in 256; twelve times in a row, of 1 in 2^96.
    for (int turn = 0; turn != 12; ++turn) {
      kw::random_bytes(std::span{data}.first(size));
      for (std::size_t i = 0; i != size; ++i)
        if (data[i] != std::byte{0xEE}) changed[i] = std::byte{1};
    }
    CHECK(changed == repeat(size, 1));
    CHECK(data.back() == std::byte{0xEE});
  }
}

TEST_CASE("random: 10^6 keys repeat no more often than chance, and every bit is as often 0 as 1") {
  std::size_t const count = 1'000'000;
  auto keys = draw(count);
  std::array<std::size_t, 32> ones{};
  for (auto const each : keys)
    for (std::size_t bit = 0; bit != 32; ++bit) ones[bit] += each >> bit & 1u;
  for (std::size_t const each : ones) {
    CHECK(each > count / 2 - 4000);  // 8 standard deviations
    CHECK(each < count / 2 + 4000);
  }
  // 32-bit keys: count^2 / 2^33 = 116 pairs are expected to be equal, with a deviation of 11.
  std::sort(keys.begin(), keys.end());
  std::size_t equal = 0;
  for (std::size_t i = 1; i != keys.size(); ++i) equal += keys[i] == keys[i - 1];
  CHECK(equal > 30);
  CHECK(equal < 220);
}

TEST_CASE("random: no key is derived from the one before") {
  auto const keys = draw(100'000);
  // The most frequent difference and the most frequent XOR of neighbours: by chance hardly any comes twice.
  for (bool const exclusive : {false, true}) {
    std::vector<std::uint32_t> steps;
    for (std::size_t i = 1; i != keys.size(); ++i)
      steps.push_back(exclusive ? keys[i] ^ keys[i - 1] : keys[i] - keys[i - 1]);
    std::sort(steps.begin(), steps.end());
    std::size_t equal = 0;
    for (std::size_t i = 1; i != steps.size(); ++i) equal += steps[i] == steps[i - 1];
    CHECK(equal < 20);
  }
}

TEST_CASE("random: two threads draw different keys") {
  std::vector<std::uint32_t> other;
  std::thread thread{[&] { other = draw(1000); }};
  auto const own = draw(1000);
  thread.join();
  CHECK(common(own, other) <= 2);
}

#ifdef CAN_FORK
TEST_CASE("random: after a fork neither child nor grandchild repeats the parent's keys") {
  draw(1);  // the parent holds a block of bytes that the child inherits
  int channel[2];
  REQUIRE(pipe(channel) == 0);
  constexpr std::size_t count = 200;  // fewer than a block, so that an inherited one would not run out
  auto const report = [&] {
    auto const keys = draw(count);
    bool const written = write(channel[1], keys.data(), count * 4) == static_cast<ssize_t>(count * 4);
    return written ? 0 : 1;
  };
  pid_t const child = fork();
  if (child == 0) {
    pid_t const grandchild = fork();
    int status = report();
    if (grandchild == 0) _exit(status);
    int other = 1;
    waitpid(grandchild, &other, 0);
    _exit(status | other);
  }
  REQUIRE(child > 0);
  auto const own = draw(count);
  std::vector<std::uint32_t> theirs(2 * count);
  auto* const to = reinterpret_cast<char*>(theirs.data());
  std::size_t got = 0;
  while (got != 2 * count * 4) {
    auto const size = read(channel[0], to + got, 2 * count * 4 - got);
    if (size <= 0) break;
    got += static_cast<std::size_t>(size);
  }
  int status = 1;
  waitpid(child, &status, 0);
  close(channel[0]);
  close(channel[1]);
  CHECK(status == 0);
  CHECK(got == 2 * count * 4);
  std::vector<std::uint32_t> const first(theirs.begin(), theirs.begin() + count);
  std::vector<std::uint32_t> const second(theirs.begin() + count, theirs.end());
  CHECK(common(own, first) <= 1);
  CHECK(common(own, second) <= 1);
  CHECK(common(first, second) <= 1);
}
#endif

}  // namespace

}  // namespace random_tests
