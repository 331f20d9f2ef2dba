#include <kindwire/message/buffer.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#endif

#include "support/allocations.hpp"
#include "support/bytes.hpp"
#include "support/sanitized.hpp"

namespace buffer_tests {

namespace {

namespace kw = kindwire;
using namespace support;

bool holds(kw::buffer const& actual, bytes const& expected) {
  auto const data = actual.bytes();
  return actual.size() == expected.size() && actual.empty() == expected.empty() &&
         std::equal(data.begin(), data.end(), expected.begin(), expected.end()) &&
         actual.capacity() >= actual.size() + actual.spare();
}

// In a thread that has kept nothing yet.
template <class Test>
void in_fresh_thread(Test test) {
  std::thread{test}.join();
}

TEST_CASE("buffer: random operations leave what they leave in a vector") {
  random_numbers random{40};
  unsigned wrong = 0;
  for (int run = 0; run != 60; ++run) {
    kw::buffer actual;
    bytes expected;
    for (int step = 0; step != 300; ++step) {
      std::size_t const most = random.one_in(8) ? 9000 : 300;
      switch (random.below(8)) {
        case 0:
        case 1: {
          bytes const more = random.any(random.below(most));
          actual.append(more);
          expected += more;
          break;
        }
        case 2: {
          actual.append("text", 4);
          expected += text("text");
          break;
        }
        case 3: {
          std::size_t const wanted = random.below(most);
          auto const room = actual.prepare(wanted);
          wrong += room.size() < wanted || room.size() != actual.spare();
          bytes const more = random.any(random.below(room.size() + 1));
          if (!more.empty()) std::memcpy(room.data(), more.data(), more.size());
          actual.commit(more.size());
          expected += more;
          break;
        }
        case 4:
        case 5: {
          std::size_t const used = random.below(expected.size() + 1);
          actual.consume(used);
          expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(used));
          break;
        }
        case 6: {
          std::size_t const left = random.below(expected.size() + 1);
          actual.truncate(left);
          expected.resize(left);
          break;
        }
        default: {
          if (random.one_in(3)) {
            actual.clear();
            expected.clear();
          } else if (random.one_in(3)) {
            actual.release();
            expected.clear();
            wrong += actual.capacity() != 0;
          } else {
            kw::buffer moved = std::move(actual);
            wrong += !actual.empty() || actual.capacity() != 0;
            if (random.one_in(2)) actual.append("rest", 4);
            actual = std::move(moved);
          }
        }
      }
      wrong += !holds(actual, expected);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("buffer: what fits does not move, so views of what is there stay") {
  kw::buffer data;
  data.append("first", 5);
  auto const* const place = data.bytes().data();
  while (data.spare() != 0) data.append("x", 1);
  CHECK(data.bytes().data() == place);
  CHECK(data.size() == data.capacity());
}

// Some allocators leave nothing between two blocks, so that the next one begins where a full one ends.
TEST_CASE("buffer: what begins where its block ends is not taken for its own") {
  kw::buffer one;
  CHECK_FALSE(one.ends_at(nullptr));
  one.append(bytes(1000));
  std::byte const* const next = one.bytes().data() + one.size();
  CHECK(one.ends_at(next));
  CHECK_FALSE(one.ends_at(next - 1));
  one.append(bytes(one.spare()));
  CHECK_FALSE(one.ends_at(one.bytes().data() + one.size()));
}

TEST_CASE("buffer: used as a queue it stays as small as what is in it") {
  kw::buffer queue;
  bytes const piece = random_numbers{41}.any(700);
  for (int turn = 0; turn != 1000; ++turn) {
    queue.append(piece);
    queue.append(piece);
    queue.consume(700);
    CHECK(copy(queue.bytes()) == piece);
    queue.consume(700);
  }
  for (int turn = 0; turn != 1000; ++turn) {  // never empty
    queue.append(piece);
    if (turn > 2) queue.consume(700);
  }
  CHECK(queue.size() == 2100);
  CHECK(queue.capacity() <= 8192);
}

TEST_CASE("buffer: a long queue that is used in small pieces is not moved at each of them") {
  kw::buffer queue;
  std::size_t const held = 60'000;
  queue.append(repeat(held, 'x'));
  std::size_t moved = 0;
  std::size_t const turns = 100'000;
  for (std::size_t turn = 0; turn != turns; ++turn) {
    queue.consume(16);
    auto const* const place = queue.bytes().data();
    queue.append(repeat(16, 'x'));
    moved += queue.bytes().data() != place;
  }
  CHECK(moved <= turns * 16 / held + 2);
}

TEST_CASE("buffer: growing byte by byte costs linear work and at most twice the room") {
  allocation_counter const counter;
  kw::buffer data;
  std::size_t const size = 3'000'000;
  for (std::size_t i = 0; i != size; ++i) data.append("x", 1);
  CHECK(data.size() == size);
  CHECK(data.capacity() <= 2 * size);
  CHECK(counter.calls() <= 16);
  CHECK(counter.bytes() <= 4 * size);
}

TEST_CASE("buffer: an empty one holds nothing, and the next one takes the block that was given back") {
  kw::buffer first;
  CHECK(first.capacity() == 0);
  first.append("x", 1);
  first.release();
  allocation_counter const counter;
  for (int turn = 0; turn != 1000; ++turn) {
    kw::buffer again;
    again.append("x", 1);
  }
  CHECK(counter.calls() == 0);
}

TEST_CASE("buffer: the pool keeps a bounded amount") {
  {
    std::vector<kw::buffer> many(64);
    for (auto& each : many) each.prepare(std::size_t{1} << 20);
  }
  // 4 MiB at most were kept: of 64 blocks of 1 MiB, 60 have to be allocated again.
  allocation_counter const counter;
  std::vector<kw::buffer> many(64);
  for (auto& each : many) each.prepare(std::size_t{1} << 20);
  CHECK(counter.bytes() >= std::size_t{60} << 20);
}

TEST_CASE("buffer: a large block grows with what it holds, and leaves those that are kept alone") {
  in_fresh_thread([] {
    kw::buffer small;
    small.append("x", 1);
    small.release();
    allocation_counter const counter;
    {
      kw::buffer large;
      bytes const begin = random_numbers{4}.any(3 << 20);
      large.append(begin);
      for (std::size_t const size : {5u, 9u, 40u}) {
        large.prepare((std::size_t{size} << 20) - large.size());
        CHECK(large.capacity() >= std::size_t{size} << 20);
        CHECK(std::ranges::equal(large.bytes().first(begin.size()), begin));
        // From the second time on something is used up at the front, which then need not be moved.
        if (size != 5) continue;
        large.consume(1);
        large.append(std::span{begin}.first(1));
        CHECK(large.bytes().back() == begin.front());
        large.clear();
        large.append(begin);
      }
    }
    small.append("y", 1);
    CHECK(small.capacity() == 1024);
    CHECK(counter.bytes() < std::size_t{4} << 20);
  });
}

std::size_t mebibytes(std::size_t count) { return count << 20; }

// What a buffer holds that asks for so much at once.
std::size_t held_for(std::size_t size) {
  kw::buffer data;
  data.prepare(size);
  return data.capacity();
}

TEST_CASE("buffer: one block of many MiB is kept for requests of an eighth of it") {
  in_fresh_thread([] {
    CHECK(held_for(mebibytes(4)) == mebibytes(4));
    CHECK(held_for(mebibytes(2)) == mebibytes(4));
    CHECK(held_for(mebibytes(1)) == mebibytes(1));  // short ones have their own
    CHECK(held_for(mebibytes(40)) == mebibytes(40));
    CHECK(held_for(mebibytes(41)) == mebibytes(41));  // the longer one stays
    CHECK(held_for(mebibytes(16)) == mebibytes(41));
    CHECK(held_for(mebibytes(16)) == mebibytes(41));
    CHECK(held_for(mebibytes(5)) == mebibytes(5));
    CHECK(held_for(mebibytes(6)) == mebibytes(41));
    kw::buffer first;
    kw::buffer second;
    first.prepare(mebibytes(16));
    second.prepare(mebibytes(16));
    CHECK(first.capacity() == mebibytes(41));
    CHECK(second.capacity() == mebibytes(16));
  });
}

TEST_CASE("buffer: one that grows moves into the block that was kept, with all that it holds") {
  in_fresh_thread([] {
    held_for(mebibytes(40));
    kw::buffer data;
    bytes const all = random_numbers{5}.any(mebibytes(8));
    for (std::size_t at = 0; at != all.size(); at += 65536)
      data.append(std::span{all}.subspan(at, 65536), mebibytes(12));
    CHECK(data.capacity() == mebibytes(40));
    CHECK(std::ranges::equal(data.bytes(), all));
  });
}

TEST_CASE("buffer: what is kept of long blocks is bounded: over 65 MiB none, and none that nobody uses") {
  in_fresh_thread([] {
    CHECK(held_for(mebibytes(66)) == mebibytes(66));
    CHECK(held_for(mebibytes(16)) == mebibytes(16));
    held_for(mebibytes(65));
    for (std::size_t i = 1; i != 65536; ++i) held_for(1);
    CHECK(held_for(mebibytes(16)) == mebibytes(65));
    for (std::size_t i = 1; i != 65536; ++i) held_for(1);
    CHECK(held_for(mebibytes(16)) == mebibytes(65));  // it was used meanwhile
    for (std::size_t i = 0; i != 65536; ++i) held_for(1);
    CHECK(held_for(mebibytes(16)) == mebibytes(16));
  });
}

TEST_CASE("buffer: of what a thread needs again more is kept, until it is needed no longer") {
  in_fresh_thread([] {
    auto const allocated_for_16_mebibytes = [] {
      allocation_counter const counter;
      std::vector<kw::buffer> many(16);
      for (auto& each : many) each.prepare(mebibytes(1));
      return counter.bytes() / mebibytes(1);
    };
    CHECK(allocated_for_16_mebibytes() == 16);
    CHECK(allocated_for_16_mebibytes() == 12);  // of the 4 that were kept none had to be
    CHECK(allocated_for_16_mebibytes() == 0);
    for (std::size_t i = 0; i != 65536; ++i) held_for(1);
    CHECK(allocated_for_16_mebibytes() >= 12);
    // However much is needed again and again, 32 MiB are enough.
    for (int i = 0; i != 4; ++i) {
      std::vector<kw::buffer> many(64);
      for (auto& each : many) each.prepare(mebibytes(1));
    }
    allocation_counter const counter;
    std::vector<kw::buffer> many(64);
    for (auto& each : many) each.prepare(mebibytes(1));
    CHECK(counter.bytes() >= mebibytes(32));
    CHECK(counter.bytes() < mebibytes(34));
  });
}

#if defined(__linux__) && !defined(SANITIZED)

std::size_t resident_bytes() {
  std::size_t pages = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*u %zu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// As after many slow readers: what they held lies between small blocks that stay.
TEST_CASE("buffer: the memory of blocks that are not kept goes back to the system") {
#if defined(__GLIBC__)
  // Meson has what is freed overwritten, which takes its pages from the system once more.
  struct no_overwriting {
    no_overwriting() { ::mallopt(M_PERTURB, 0); }
    ~no_overwriting() {
      char const* const value = std::getenv("MALLOC_PERTURB_");
      if (value != nullptr) ::mallopt(M_PERTURB, std::atoi(value));
    }
  } const now;
#endif
  for (std::size_t const size : {std::size_t{64} << 10, std::size_t{256} << 10, mebibytes(2)}) {
    CAPTURE(size);
    in_fresh_thread([size] {
      // glibc maps the first long blocks one by one, and learns from their release to take them from its
      // heap.
      for (int i = 0; i != 2; ++i) {
        std::vector<kw::buffer> first(8);
        for (auto& each : first) each.prepare(mebibytes(2));
      }
      std::size_t const before = resident_bytes();
      REQUIRE(before != 0);
      std::vector<std::unique_ptr<int>> between;
      {
        std::vector<kw::buffer> many(mebibytes(128) / size);
        for (auto& each : many) {
          each.append(repeat(size, 'x'));
          between.push_back(std::make_unique<int>());
        }
        CHECK(resident_bytes() >= before + mebibytes(100));
      }
      CHECK(resident_bytes() <= before + kw::detail::block_pool::most_kept_when_needed + mebibytes(8));
    });
  }
}

#endif

TEST_CASE("buffer: it grows to what will be needed and not over it, whatever doubling would make of it") {
  in_fresh_thread([] {
    kw::buffer data;
    constexpr std::size_t most = (std::size_t{5} << 20) + 1;
    while (data.size() != most) {
      std::size_t const size = std::min(data.prepare(1, most).size(), most - data.size());
      data.commit(std::min<std::size_t>(size, 100'000));
    }
    CHECK(data.capacity() >= most);
    CHECK(data.capacity() < most + 4096);
    // More may be asked for all the same.
    data.prepare(2 << 20, most);
    CHECK(data.spare() >= 2u << 20);
  });
}

TEST_CASE("buffer: it grows to exactly what it is told, and such a block is not kept") {
  in_fresh_thread([] {
    for (std::size_t const size : {std::size_t{1500}, std::size_t{70'001}, std::size_t{1'200'000},
                                   std::size_t{1} << 20, std::size_t{5} << 20}) {
      CAPTURE(size);
      kw::buffer data;
      data.append(text("..xyz"));
      data.consume(2);
      allocation_counter const counter;
      data.grow_to(size);
      CHECK(counter.bytes() == (size <= 2u << 20 ? size : 0));  // longer ones come from realloc()
      CHECK(data.capacity() >= size);
      CHECK(data.capacity() < size + 4096);
      CHECK(holds(data, text("xyz")));
      data.append(bytes(size - 3, std::byte{'.'}));
      data.append(text("more"));
      CHECK(holds(data, text("xyz") + bytes(size - 3, std::byte{'.'}) + text("more")));
    }
    // Nothing of an odd size comes back.
    kw::buffer data;
    data.append(text("xyz"));
    data.grow_to(70'001);
    data.release();
    data.take_kept_up_to(std::size_t{2} << 20);
    CHECK(std::has_single_bit(data.capacity()));
  });
}

TEST_CASE("buffer: it may be filled in one thread, used in another, and outlive the first") {
  kw::buffer data;
  std::thread{[&] { data.append("from there", 10); }}.join();
  CHECK(copy(data.bytes()) == text("from there"));
  std::thread{[taken = std::move(data)]() mutable { taken.append("!", 1); }}.join();
  CHECK(data.empty());
}

// MinGW's g++ frees thread_local objects before it calls their destructors (GCC bug 80816).
#if !defined(__MINGW32__) || defined(__clang__)
TEST_CASE(
    "buffer: one that outlives its thread's pool goes back to the heap (seen by the address sanitizer)") {
  std::thread{[] {
    thread_local kw::buffer early;  // made before the pool, so gone after it
    early.append("x", 1);
    kw::buffer late;
    late.append("x", 1);
  }}.join();
}
#endif

TEST_CASE("buffer: swap and self-contained moves") {
  kw::buffer one;
  one.append("one", 3);
  kw::buffer two;
  two.append("three", 5);
  two.consume(2);
  one.swap(two);
  CHECK(copy(one.bytes()) == text("ree"));
  CHECK(copy(two.bytes()) == text("one"));
  one = std::move(two);
  CHECK(copy(one.bytes()) == text("one"));
}

}  // namespace

}  // namespace buffer_tests
