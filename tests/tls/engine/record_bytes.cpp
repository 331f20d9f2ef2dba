// Ciphertext keeps its order, whatever memory it lies in.
#include <kindwire/tls/engine/record_bytes.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>

namespace record_bytes_tests {

using kindwire::tls::detail::block_size;
using kindwire::tls::detail::record_bytes;

namespace {

void append(record_bytes& to, std::string const& text) {
  auto const room = to.room();
  REQUIRE(room.size() >= text.size());
  std::memcpy(room.data(), text.data(), text.size());
  to.commit(text.size());
}

std::string text_of(record_bytes const& of) {
  return {reinterpret_cast<char const*>(of.bytes().data()), of.size()};
}

TEST_CASE("tls record bytes: what is left when nobody works on it is still there after that") {
  record_bytes bytes;
  CHECK(bytes.empty());
  for (std::size_t const size : {std::size_t{1}, std::size_t{1000}, block_size / 2 + 1, block_size - 10}) {
    append(bytes, std::string(size, 'a') + "bcd");
    bytes.consume(size);
    CHECK(text_of(bytes) == "bcd");
    bytes.rest();
    CHECK(text_of(bytes) == "bcd");
    bytes.consume(1);
    bytes.rest();
    append(bytes, "ef");
    CHECK(text_of(bytes) == "cdef");
    bytes.consume(4);
    bytes.rest();
    CHECK(bytes.empty());
  }
}

TEST_CASE("tls record bytes: a full block has no room, until something is taken") {
  record_bytes bytes;
  CHECK(bytes.room().size() == block_size);
  append(bytes, std::string(block_size - 1, 'a') + 'b');
  CHECK(bytes.room().empty());
  bytes.rest();
  CHECK(bytes.room().empty());
  bytes.consume(block_size - 1);
  CHECK(bytes.room().size() == block_size - 1);
  append(bytes, "c");
  CHECK(text_of(bytes) == "bc");
}

}  // namespace

}  // namespace record_bytes_tests
