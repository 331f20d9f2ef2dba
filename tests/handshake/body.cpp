#include <kindwire/handshake/body.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <kindwire/handshake/head.hpp>

namespace body_tests {

namespace kw = kindwire;

namespace {

struct read_body {
  std::string text;
  bool done;

  friend bool operator==(read_body const&, read_body const&) = default;
};

read_body read(std::string const& fields, std::string_view body, std::size_t piece = SIZE_MAX,
               std::size_t limit = 1000, unsigned status = 400) {
  kw::head_parser head{kw::head_parser::kind::response};
  head.put("HTTP/1.1 400 x\r\n" + fields + "\r\n");
  REQUIRE(head.status() == kw::handshake_status::ready);
  kw::detail::body_reader reader{status, head.headers(), limit};
  while (!body.empty()) {
    reader.put(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  bool const done = reader.done();
  return {reader.take(), done};
}

}  // namespace

TEST_CASE("RFC 9112 §6.3: where a body ends, in whatever pieces it comes") {
  for (std::size_t piece = 1; piece < 20; ++piece) {
    CHECK(read("Content-Length: 5\r\n", "hello, world", piece) == read_body{"hello", true});
    CHECK(read("Content-Length: 5\r\n", "hell", piece) == read_body{"hell", false});
    CHECK(read("", "hello", piece) == read_body{"hello", false});
    CHECK(read("Transfer-Encoding: gzip\r\n", "hello", piece) == read_body{"hello", false});
    CHECK(read("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n2;x=\"y\"\r\n, \r\n05 \r\nworld\r\n0\r\n\r\n",
               piece) == read_body{"hello, world", true});
    CHECK(read("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "a\r\n0123456789\r\n0\r\n\r\nx",
               piece) == read_body{"0123456789", true});
    CHECK(read("Transfer-Encoding: chunked\r\n", "5\r\nhel", piece) == read_body{"hel", false});
  }
}

TEST_CASE("RFC 9112 §6.3: no body at all") {
  CHECK(read("Content-Length: 0\r\n", "x") == read_body{"", true});
  CHECK(read("Content-Length: 5\r\n", "hello", SIZE_MAX, 1000, 204) == read_body{"", true});
  CHECK(read("Content-Length: 5\r\n", "hello", SIZE_MAX, 1000, 304) == read_body{"", true});
}

TEST_CASE("a body with something wrong in it ends there") {
  for (std::string const length : {"", "-1", "5x", "0x5", "5, 5", "18446744073709551616"}) {
    CAPTURE(length);
    CHECK(read("Content-Length: " + length + "\r\n", "hello") == read_body{"", true});
  }
  CHECK(read("Content-Length: 5\r\nContent-Length: 5\r\n", "hello") == read_body{"", true});
  for (std::string const chunk :
       {"x\r\n", "\r\n", "-1\r\n", "0x5\r\n", "10000000000000000\r\n", "5hello", "5\r\nhellox\r\n"}) {
    CAPTURE(chunk);
    read_body const got = read("Transfer-Encoding: chunked\r\n", chunk + std::string(300, 'z') + "\r\n");
    CHECK(got.done);
    CHECK((got.text.empty() || got.text == "hello"));
  }
}

TEST_CASE("a body over the limit is cut there") {
  CHECK(read("", "hello", SIZE_MAX, 5) == read_body{"hello", false});
  for (std::size_t piece = 1; piece < 10; ++piece) {
    CHECK(read("", "hello!", piece, 5) == read_body{"hello", true});
    CHECK(read("Content-Length: 9\r\n", "hello!", piece, 5) == read_body{"hello", true});
    CHECK(read("Content-Length: 5\r\n", "hello!", piece, 5) == read_body{"hello", true});
    CHECK(read("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nhello!", piece, 5) ==
          read_body{"hello", true});
    CHECK(read("Transfer-Encoding: chunked\r\n", "4\r\nhell\r\n2\r\no!\r\n", piece, 5) ==
          read_body{"hello", true});
  }
  CHECK(read("", "x", SIZE_MAX, 0) == read_body{"", true});
}

}  // namespace body_tests
