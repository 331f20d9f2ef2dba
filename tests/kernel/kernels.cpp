#include <kindwire/kernel/kernels.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "support/bytes.hpp"
#include "support/reference.hpp"

namespace kernels_tests {

namespace {

namespace kw = kindwire;
using namespace support;
using kw::detail::kernel_set;

constexpr std::size_t longest = 256;
constexpr std::size_t alignments = 64;
constexpr std::size_t guard = 64;
constexpr std::size_t arena_size = guard + alignments + 1100 + guard;

struct alignas(64) arena {
  std::byte bytes[arena_size];
  bool operator==(arena const&) const = default;
};

kw::detail::mask_word word_of(key mask, std::size_t phase) {
  std::byte in_order[8];
  for (std::size_t i = 0; i != 8; ++i) in_order[i] = mask[(phase + i) % 4];
  return kw::detail::load<kw::detail::mask_word>(in_order);
}

void mask_slowly(std::span<std::byte> data, key mask, std::size_t phase) {
  for (std::size_t i = 0; i != data.size(); ++i) data[i] ^= mask[(phase + i) % 4];
}

// Every set that this processor can run, with its name for messages.
template <class Test>
void with_each(Test test) {
  unsigned run = 0;
  for (kernel_set const& each : kw::detail::kernel_sets) {
    if (!kw::detail::is_supported(each.name)) continue;
    INFO("instruction set: ", std::string(to_string(each.name)));
    test(each);
    ++run;
  }
  CHECK(run >= 1);
}

// Lengths at which something may begin or end: all short ones, and around multiples of the registers' widths.
std::vector<std::size_t> lengths() {
  std::vector<std::size_t> result;
  for (std::size_t size = 0; size <= longest; ++size) result.push_back(size);
  for (std::size_t const size : {511u, 512u, 513u, 575u, 576u, 577u, 640u, 1024u, 1087u})
    result.push_back(size);
  return result;
}

TEST_CASE("kernels: masking is masking, at every length, alignment and phase, and nothing outside changes") {
  random_numbers random{90};
  bytes const noise = random.any(arena_size);
  with_each([&](kernel_set const& kernel) {
    unsigned wrong = 0;
    for (std::size_t const size : lengths()) {
      for (std::size_t at = guard; at != guard + alignments; ++at) {
        for (std::size_t phase = 0; phase != 4; ++phase) {
          arena fast;
          std::copy(noise.begin(), noise.end(), fast.bytes);
          arena slow = fast;
          kernel.mask(fast.bytes + at, fast.bytes + at, size, word_of(example_key, phase));
          mask_slowly({slow.bytes + at, size}, example_key, phase);
          wrong += !(fast == slow);
          // The same from another place, of another alignment.
          arena copy{};
          arena expected{};
          std::size_t const to = guard + (at * 7 + size) % alignments;
          std::memcpy(expected.bytes + to, slow.bytes + at, size);
          kernel.mask(copy.bytes + to, noise.data() + at, size, word_of(example_key, phase));
          wrong += !(copy == expected);
        }
      }
    }
    CHECK(wrong == 0);
  });
}

bool possible(std::span<std::byte const> data) { return reference_utf8_prefix(data) == data.size(); }

// What a validator makes of a kernel's answer.
bool finds_possible(bool answer, std::span<std::byte const> data) {
  return answer && kw::detail::utf8_state{}.resume(data.data(), data.size());
}

TEST_CASE("kernels: a copy is a copy, however long, and nothing outside changes") {
  constexpr std::size_t most = 5000;
  std::vector<std::byte> from(alignments + most);
  for (std::size_t i = 0; i != from.size(); ++i) from[i] = static_cast<std::byte>(i * 7 + i / 251);
  auto const before = kw::used_instruction_set();
  with_each([&](kernel_set const& set) {
    kw::use_instruction_set(set.name);
    for (unsigned const size : {0u, 1u, 15u, 16u, 31u, 32u, 33u, 64u, 2047u, 2048u, 2049u, 4096u, 5000u}) {
      for (unsigned const at : {0u, 1u, 16u, 63u}) {
        CAPTURE(size);
        CAPTURE(at);
        std::vector<std::byte> to(alignments + most + guard, std::byte{0xEE});
        auto wanted = to;
        std::copy_n(from.begin() + 5, size, wanted.begin() + static_cast<std::ptrdiff_t>(at));
        kw::detail::copy_run(to.data() + at, from.data() + 5, size);
        CHECK(to == wanted);
      }
    }
  });
  CHECK(kw::use_instruction_set(before));
}

TEST_CASE("kernels: text is unmasked and checked, at every length, alignment and phase") {
  random_numbers random{91};
  bytes const noise = random.any(arena_size);
  bytes const plain = random.ascii(arena_size);
  bytes const mixed = random.utf8(arena_size);
  with_each([&](kernel_set const& kernel) {
    unsigned wrong = 0;
    unsigned seen[2] = {};
    for (std::size_t const size : lengths()) {
      for (std::size_t at = guard; at != guard + alignments; ++at) {
        for (std::size_t phase = 0; phase != 4; ++phase) {
          arena slow;
          std::copy(noise.begin(), noise.end(), slow.bytes);
          // A third each: ASCII, text of all lengths of sequence, and such text with one byte changed.
          unsigned const kind = static_cast<unsigned>((size + at + phase) % 3);
          bytes const& from = kind == 0 ? plain : mixed;
          std::size_t begin = random.below(64);
          while (kind != 0 && (from[begin] & std::byte{0xC0}) == std::byte{0x80}) ++begin;
          std::memcpy(slow.bytes + at, from.data() + begin, size);
          if (kind == 2 && size != 0)
            slow.bytes[at + random.below(size)] ^= static_cast<std::byte>(1u << random.below(8));
          std::span<std::byte> const text{slow.bytes + at, size};
          bool const expected = possible(text);
          ++seen[expected];
          wrong += finds_possible(kernel.check_text(text.data(), size), text) != expected;
          arena fast = slow;
          mask_slowly({fast.bytes + at, size}, example_key, phase);
          bool const answer = kernel.unmask_text(fast.bytes + at, size, word_of(example_key, phase));
          wrong += finds_possible(answer, text) != expected;
          if (expected) wrong += !(fast == slow);
          // Whatever the answer, nothing outside changes.
          std::copy_n(slow.bytes + at, size, fast.bytes + at);
          wrong += !(fast == slow);
        }
      }
    }
    CHECK(wrong == 0);
    CHECK(seen[0] > 5'000);
    CHECK(seen[1] > 20'000);
  });
}

std::string_view const samples[] = {"a",
                                    "\x7f",
                                    "\xc2\x80",
                                    "\xdf\xbf",
                                    "\xe0\xa0\x80",
                                    "\xe2\x82\xac",
                                    "\xed\x9f\xbf",
                                    "\xef\xbf\xbf",
                                    "\xf0\x90\x80\x80",
                                    "\xf1\x80\x80\x80",
                                    "\xf4\x8f\xbf\xbf",
                                    "\xc2",
                                    "\xe2\x82",
                                    "\xf0\x9f\x98",
                                    "\xf4\x8f",
                                    "\x80",
                                    "\xbf",
                                    "\xc0\x80",
                                    "\xc1\xbf",
                                    "\xe0\x80\x80",
                                    "\xe0\x9f\xbf",
                                    "\xed\xa0\x80",
                                    "\xf0\x80\x80\x80",
                                    "\xf0\x8f\xbf\xbf",
                                    "\xf4\x90\x80\x80",
                                    "\xf5\x80\x80\x80",
                                    "\xf8\x88\x80\x80\x80",
                                    "\xfe",
                                    "\xff"};

TEST_CASE("kernels: every kind of sequence at every place around the registers' borders") {
  with_each([&](kernel_set const& kernel) {
    unsigned wrong = 0;
    for (auto const sample : samples) {
      for (std::size_t const filled : {0u, 1u, 15u, 31u, 63u, 127u, 200u}) {
        for (std::size_t at = 0; at <= filled; ++at) {
          for (std::string_view const filler : {"x", "\xe2\x82\xac"}) {
            bytes data;
            while (data.size() < at) data += text(filler);
            data += text(sample);
            while (data.size() < filled + sample.size()) data += text(filler);
            // The exact size on the heap: the address sanitizer sees a byte too many.
            auto const exact = std::make_unique<std::byte[]>(data.size());
            std::copy(data.begin(), data.end(), exact.get());
            bool const answer = kernel.check_text(exact.get(), data.size());
            wrong += finds_possible(answer, data) != possible(data);
          }
        }
      }
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("kernels: the best that the processor has is chosen, and another on request") {
  auto const before = kw::used_instruction_set();
  for (auto const name :
       {kw::instruction_set::portable, kw::instruction_set::ssse3, kw::instruction_set::avx2,
        kw::instruction_set::avx512, kw::instruction_set::neon}) {
    bool const supported = kw::detail::is_supported(name);
    CHECK(kw::use_instruction_set(name) == supported);
    if (supported) CHECK(kw::used_instruction_set() == name);
    CHECK(std::string_view{to_string(name)} != "unknown");
  }
  CHECK(std::string_view{to_string(static_cast<kw::instruction_set>(99))} == "unknown");
  CHECK(kw::use_instruction_set(kw::instruction_set::portable));
  // A thread that found none chosen yet comes too late to choose another.
  CHECK(kw::detail::choose_kernels()->name == kw::instruction_set::portable);
  CHECK(kw::used_instruction_set() == kw::instruction_set::portable);
  // The last one that is supported is the best.
  kw::detail::chosen_kernels.store(nullptr);
  auto const* const best = kw::detail::choose_kernels();
  CHECK(&kw::detail::kernels() == best);
  for (auto const& each : kw::detail::kernel_sets) {
    if (&each > best) CHECK_FALSE(kw::detail::is_supported(each.name));
  }
  CHECK(kw::use_instruction_set(before));
}

}  // namespace

}  // namespace kernels_tests
