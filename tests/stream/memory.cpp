#include <kindwire/stream/memory.hpp>

#include <doctest/doctest.h>

#include <array>
#include <kindwire/stream/concepts.hpp>
#include <string>
#include <thread>

namespace memory_tests {

namespace kw = kindwire;

static_assert(kw::blocking_stream<kw::memory_stream>);

namespace {

std::span<std::byte const> bytes(std::string_view text) {
  return {reinterpret_cast<std::byte const*>(text.data()), text.size()};
}

std::string read(kw::memory_stream& from, std::size_t most, std::error_code& failure) {
  std::string text(most, '\0');
  text.resize(from.read_some({reinterpret_cast<std::byte*>(text.data()), most}, failure));
  return text;
}

}  // namespace

TEST_CASE("what one end writes the other reads, both ways") {
  auto [one, two] = kw::make_memory_streams();
  std::error_code failure;
  CHECK(one.write_some(bytes("ping"), failure) == 4);
  CHECK(two.write_some(bytes("pong"), failure) == 4);
  CHECK(read(two, 10, failure) == "ping");
  CHECK(read(one, 10, failure) == "pong");
  CHECK(!failure);
}

TEST_CASE("short reads and short writes") {
  auto [one, two] = kw::make_memory_streams({.max_write = 2}, {.max_read = 1});
  std::error_code failure;
  CHECK(one.write_some(bytes("abc"), failure) == 2);
  CHECK(read(two, 10, failure) == "a");
  CHECK(read(two, 10, failure) == "b");
}

TEST_CASE("the k-th operation fails, and all after it") {
  auto [one, two] = kw::make_memory_streams({.fail_at = 3});
  std::error_code failure;
  CHECK(one.write_some(bytes("a"), failure) == 1);
  CHECK(one.write_some(bytes("b"), failure) == 1);
  CHECK(!failure);
  CHECK(one.write_some(bytes("c"), failure) == 0);
  CHECK(failure == std::errc::connection_reset);
  failure.clear();
  CHECK(one.write_some(bytes("d"), failure) == 0);
  CHECK(failure);
  CHECK(one.operations() == 4);
  CHECK(read(two, 10, failure) == "ab");
}

TEST_CASE(
    "the end of the stream comes after what was written, and writing to a closed end is a broken pipe") {
  auto [one, two] = kw::make_memory_streams();
  std::error_code failure;
  one.write_some(bytes("last"), failure);
  one.shutdown_send();
  CHECK(read(two, 2, failure) == "la");
  CHECK(read(two, 9, failure) == "st");
  CHECK(read(two, 9, failure).empty());
  CHECK(!failure);
  // The other direction is still open.
  CHECK(two.write_some(bytes("more"), failure) == 4);
  CHECK(read(one, 9, failure) == "more");
  one.close();
  CHECK(two.write_some(bytes("x"), failure) == 0);
  CHECK(failure == std::errc::broken_pipe);
}

TEST_CASE("without waiting, an operation that would wait says so") {
  auto [one, two] = kw::make_memory_streams({.capacity = 3, .waits = false}, {.waits = false});
  std::error_code failure;
  CHECK(read(two, 1, failure).empty());
  CHECK(failure == std::errc::operation_would_block);
  CHECK(one.write_some(bytes("abcd"), failure) == 3);
  CHECK(!failure);
  CHECK(one.write_some(bytes("d"), failure) == 0);
  CHECK(failure == std::errc::operation_would_block);
}

TEST_CASE("two threads: reads wait for bytes, writes for room") {
  auto [one, two] = kw::make_memory_streams({.capacity = 7}, {});
  std::string const sent(100000, 'x');
  std::thread writer([&stream = one, &sent] {
    std::error_code failure;
    for (auto left = bytes(sent); !left.empty();) left = left.subspan(stream.write_some(left, failure));
    stream.shutdown_send();
  });
  std::error_code failure;
  std::string got;
  for (;;) {
    std::string const piece = read(two, 13, failure);
    if (piece.empty()) break;
    got += piece;
  }
  writer.join();
  CHECK(!failure);
  CHECK(got == sent);
}

}  // namespace memory_tests
