// No memory for a buffer: what it holds stays, and so does its use.
#include <kindwire/message/buffer.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <new>

#include "support/bytes.hpp"

namespace buffer_tests {

namespace {

namespace kw = kindwire;
using namespace support;

TEST_CASE("exhaustion: more than any memory holds is refused, and the buffer keeps what it has") {
  // Small ones come from the pool, those over 2 MiB from realloc().
  for (std::size_t const held : {std::size_t{0}, std::size_t{4}, std::size_t{3} << 20}) {
    kw::buffer data;
    bytes const before = random_numbers{held}.any(held);
    data.append(before);
    for (std::size_t const size : {SIZE_MAX, SIZE_MAX / 4, SIZE_MAX / 8}) {
      CHECK_THROWS_AS(data.prepare(size), std::bad_alloc);
      CHECK(copy(data.bytes()) == before);
    }
    data.append(text("more"));
    CHECK(copy(data.bytes()) == before + text("more"));
  }
}

}  // namespace

}  // namespace buffer_tests
