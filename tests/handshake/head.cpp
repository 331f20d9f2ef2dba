#include <kindwire/handshake/head.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sample.hpp"

namespace head_tests {

namespace kw = kindwire;
using kind = kw::head_parser::kind;
using status = kw::handshake_status;

namespace {

kw::head_parser parse(std::string_view text, kw::head_limits limits = {}, kind of = kind::request) {
  kw::head_parser head{of, limits};
  head.put(text);
  return head;
}

std::error_code error_of(std::string_view text, kw::head_limits limits = {}) {
  return parse(text, limits).error();
}

// All that a head says, on one line.
std::string print(kw::head_parser const& head) {
  if (head.status() == status::reading) return "reading";
  if (head.status() == status::failed) return head.error().message();
  std::string text{head.method()};
  text += '|';
  text += head.target();
  text += '|';
  text += std::to_string(head.status_code()) + '|' + std::to_string(head.minor_version());
  for (auto const [name, value] : head.headers()) {
    text += '|';
    text += name;
    text += '=';
    text += value;
  }
  return text;
}

std::string in_pieces(std::string_view text, std::vector<std::size_t> const& sizes, kind of) {
  kw::head_parser head{of};
  std::size_t used = 0;
  for (std::size_t const size : sizes) {
    used += head.put(text.substr(used, size));
    if (head.status() != status::reading) break;
  }
  if (head.status() == status::reading) head.put(text.substr(used));
  return print(head);
}

std::string byte_by_byte(std::string_view text, kind of) {
  return in_pieces(text, std::vector<std::size_t>(text.size(), 1), of);
}

}  // namespace

TEST_CASE("RFC 9112 §2.1: a request line and fields") {
  CHECK(print(parse("GET /a?b HTTP/1.1\r\nHost: x\r\nA:b\r\n\r\n")) == "GET|/a?b|0|1|Host=x|A=b");
  CHECK(print(parse("M!~ / HTTP/1.7\r\n\r\n")) == "M!~|/|0|7");
  CHECK(print(parse("GET / HTTP/1.1\r\nA: \t b c \t\r\nB: \t\r\nC:\xff\xc3\xa4\r\n\r\n")) ==
        "GET|/|0|1|A=b c|B=|C=\xff\xc3\xa4");
}

TEST_CASE("RFC 9112 §4: a status line and fields") {
  CHECK(print(parse("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n", {}, kind::response)) ==
        "||101|1|A=b");
  CHECK(print(parse("HTTP/1.0 404 \r\n\r\n", {}, kind::response)) == "||404|0");
  CHECK(print(parse("HTTP/1.1 200\r\n\r\n", {}, kind::response)) == "||200|1");
  CHECK(print(parse("HTTP/1.1 200 \t\xc3\xa4 !\r\n\r\n", {}, kind::response)) == "||200|1");
  for (std::string_view const line :
       {"HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 2x0 OK",
        "HTTP/1.1 -20 OK", "HTTP/1.1", "HTTP/1.1 ", "http/1.1 200 OK", "HTTP/1 200 OK", "HTTP/11.1 200 OK",
        " HTTP/1.1 200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1 200 O\x01K", "HTTP/1.1 200 O\x7fK", "ICY 200 OK",
        "SSH-2.0-x"}) {
    CAPTURE(line);
    CHECK(parse(std::string{line} + "\r\n\r\n", {}, kind::response).error() == kw::error::http_malformed);
  }
  CHECK(parse("HTTP/2.0 200 OK\r\n\r\n", {}, kind::response).error() == kw::error::http_version);
  CHECK_MESSAGE(parse("\r\nHTTP/1.1 200 OK\r\n\r\n", {}, kind::response).error() == kw::error::http_malformed,
                "only a server skips an empty line");
}

TEST_CASE("what follows the head is not taken") {
  kw::head_parser head{kind::request};
  std::string const text = "\r\nGET / HTTP/1.1\r\n\r\n";
  CHECK(head.put(text + "\r\n\x81\x80") == text.size());
  CHECK(head.status() == status::ready);
  CHECK(head.put("more") == 0);
}

TEST_CASE("split invariance: every two-way split, and byte by byte") {
  for (auto const& each :
       {std::pair{kind::request, sample::upgrade{}.with("Cookie:\t a=b; c=d ").text()},
        {kind::request, "\r\n" + sample::upgrade{}.text()},
        {kind::request, std::string{"\r\n\r\nGET / HTTP/1.1\r\n\r\n"}},
        {kind::request, std::string{"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"}},
        {kind::request, std::string{"GET / HTTP/1.1\r\nA: b\r\n\rX"}},
        {kind::response, std::string{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nA:\r\n\r\n"}},
        {kind::response, std::string{"HTTP/1.1 200\r\nA : b\r\n\r\n"}}}) {
    kind const of = each.first;
    std::string const& text = each.second;
    CAPTURE(text);
    std::string const whole = in_pieces(text, {}, of);
    CHECK(whole != "reading");
    for (std::size_t at = 0; at <= text.size(); ++at) REQUIRE(in_pieces(text, {at}, of) == whole);
    CHECK(byte_by_byte(text, of) == whole);
  }
}

TEST_CASE("RFC 9112 §2.2: one empty line before the request is skipped, and only one") {
  CHECK(parse("\r\nGET / HTTP/1.1\r\n\r\n").status() == status::ready);
  CHECK(error_of("\r\n\r\nGET / HTTP/1.1\r\n\r\n") == kw::error::http_malformed);
  CHECK(error_of("\nGET / HTTP/1.1\r\n\r\n") == kw::error::http_malformed);
  CHECK(error_of("\rGET / HTTP/1.1\r\n\r\n") == kw::error::http_malformed);
  CHECK(error_of(" \r\nGET / HTTP/1.1\r\n\r\n") == kw::error::http_malformed);
}

TEST_CASE("RFC 9112 §3: the request line has one form") {
  for (std::string_view const line : {"",
                                      " ",
                                      "GET",
                                      "GET ",
                                      "GET /",
                                      "GET / ",
                                      "GET  / HTTP/1.1",
                                      "GET /  HTTP/1.1",
                                      "GET / HTTP/1.1 ",
                                      " GET / HTTP/1.1",
                                      "GET\t/ HTTP/1.1",
                                      "GET /\tHTTP/1.1",
                                      "G(T / HTTP/1.1",
                                      "GET /a b HTTP/1.1",
                                      "GET / HTTP/1.",
                                      "GET / HTTP/.1",
                                      "GET / HTTP/1",
                                      "GET / http/1.1",
                                      "GET / HTTPS/1.1",
                                      "GET / HTTP/1,1",
                                      "GET / HTTP/1.11",
                                      "GET / HTTP/11.1",
                                      "GET /\x01 HTTP/1.1",
                                      "GET /\x7f HTTP/1.1",
                                      "G\xc3\xa4T / HTTP/1.1",
                                      ":method GET"}) {
    CAPTURE(line);
    CHECK(error_of(std::string{line} + "\r\nHost: a\r\n\r\n") == kw::error::http_malformed);
  }
}

TEST_CASE("RFC 9112 §2.3: HTTP/1.x") {
  CHECK_FALSE(error_of("GET / HTTP/1.0\r\n\r\n"));
  CHECK(error_of("GET / HTTP/0.9\r\n\r\n") == kw::error::http_version);
  CHECK(error_of("PRI /x HTTP/2.0\r\n\r\nSM\r\n\r\n") == kw::error::http_version);
  CHECK_FALSE(error_of("GET / HTTP/1.1\r\n\r\n"));
  CHECK_FALSE(error_of("GET / HTTP/1.2\r\n\r\n"));
}

TEST_CASE("RFC 9112 §3.2: a target begins as a path or a URI, in ASCII and without a fragment") {
  for (std::string_view const target :
       {"*", "?a", "[::1]:80", "1.2.3.4:80", "/a#b", "#", "/\xc3\xa4", "%2f"}) {
    CAPTURE(target);
    CHECK(error_of("GET " + std::string{target} + " HTTP/1.1\r\n\r\n") == kw::error::http_target);
  }
}

TEST_CASE("RFC 9112 §5: what a header line must not be") {
  std::string const begin = "GET / HTTP/1.1\r\nHost: a\r\n";
  using namespace std::string_literals;
  for (std::string const& line : {"A : b\r\n"s,        "A\t: b\r\n"s,     " A: b\r\n"s,   "\tA: b\r\n"s,
                                  ": b\r\n"s,          "A\r\n"s,          "A b: c\r\n"s,  "A: b\r\n c\r\n"s,
                                  "A: b\r\n\tc\r\n"s,  "A: b\r\n \r\n"s,  "A: b\rc\r\n"s, "A: b\nB: c\r\n"s,
                                  "A: b\n\r\n"s,       "A: b\r\r\n"s,     "A: b\0c\r\n"s, "A: \x01\r\n"s,
                                  "A: \x0b\r\n"s,      "A: \x1b[2J\r\n"s, "A: \x7f\r\n"s, "A\0: b\r\n"s,
                                  "A\xc3\xa4: b\r\n"s, "\rX\r\n"s,        "\n"s,          "(A): b\r\n"s,
                                  "A\x7f: b\r\n"s,     "\"A\": b\r\n"s}) {
    CAPTURE(line);
    CHECK(error_of(begin + line + "\r\n") == kw::error::http_malformed);
  }
  CHECK(error_of("GET / HTTP/1.1\nHost: a\n\n") == kw::error::http_malformed);
  CHECK(error_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == kw::error::http_malformed);
}

TEST_CASE("the first impossible byte is the last one looked at") {
  CHECK_MESSAGE(parse("\x16").status() == status::failed, "TLS on a plain port");
  CHECK(parse("GET *").status() == status::failed);
  CHECK(parse("GET / HTTP/2").status() == status::failed);
  CHECK(parse("GET / HTTP/1.1\r\nA ").status() == status::failed);
  CHECK(parse("GET / HTTP/1.1\r\nA: b\r\n ").status() == status::failed);
  CHECK(parse("SSH-2.0-x\r").status() == status::failed);
  kw::head_parser head = parse("\x16");
  CHECK_MESSAGE(head.put("GET / HTTP/1.1\r\n\r\n") == 18, "what comes later is thrown away");
  CHECK_MESSAGE(head.status() == status::failed, "and it stays failed");
}

TEST_CASE("limits: the first line") {
  kw::head_limits const limits{.max_line = 20};
  std::string const line = "GET /67890 HTTP/1.1";  // 19
  CHECK_FALSE(error_of(line + "\r\n\r\n", limits));
  CHECK_FALSE(error_of("\r\n" + line.substr(0, 5) + "x" + line.substr(5) + "\r\n\r\n", limits));
  CHECK(error_of(line.substr(0, 5) + "xx" + line.substr(5) + "\r\n\r\n", limits) ==
        kw::error::http_line_too_long);
  CHECK(error_of("GET /" + std::string(8188, 'a')) == kw::error::http_line_too_long);
  CHECK_FALSE(error_of("GET /" + std::string(8187, 'a')));
  CHECK(error_of(std::string(8193, 'A')) == kw::error::http_line_too_long);
}

TEST_CASE("limits: another line, the head as a whole, the number of fields") {
  std::string const begin = "GET / HTTP/1.1\r\n";
  CHECK_FALSE(error_of(begin + "A:" + std::string(8190, 'b') + "\r\n\r\n"));
  CHECK(error_of(begin + "A:" + std::string(8191, 'b')) == kw::error::http_head_too_large);
  CHECK_MESSAGE(error_of(begin + "A:" + std::string(8191, ' ')) == kw::error::http_head_too_large,
                "spaces count");
  CHECK(error_of(begin + std::string(8193, 'A')) == kw::error::http_head_too_large);

  std::string const text = begin + "A: b\r\n\r\n";
  CHECK_FALSE(error_of(text, {.max_head = text.size()}));
  CHECK_FALSE(error_of("\r\n" + text, {.max_head = text.size()}));
  CHECK(error_of(text, {.max_head = text.size() - 1}) == kw::error::http_head_too_large);
  std::string endless = begin;
  for (int i = 0; i < 90; ++i) endless += "A: " + std::string(200, 'b') + "\r\n";
  CHECK(error_of(endless) == kw::error::http_head_too_large);

  std::string many = begin;
  for (int i = 0; i < 100; ++i) many += "A: b\r\n";
  CHECK_FALSE(error_of(many + "\r\n"));
  CHECK(error_of(many + "A: b\r\n\r\n") == kw::error::http_too_many_headers);
  CHECK(error_of(begin + "A: b\r\n\r\n", {.max_headers = 0}) == kw::error::http_too_many_headers);
}

namespace {

// The same rules read off the grammar, over a whole text, without any thought of speed or pieces.
std::optional<std::string> reference(std::string_view text) {
  if (text.starts_with("\r\n")) text.remove_prefix(2);
  std::size_t const end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  text = text.substr(0, end + 2);
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::size_t const size = text.find("\r\n");
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size + 2);
    if (lines.back().find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  }
  std::string_view const line = lines.front();
  std::size_t const first = line.find(' ');
  std::size_t const last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  std::string_view const method = line.substr(0, first);
  std::string_view const target = line.substr(first + 1, last - first - 1);
  std::string_view const version = line.substr(last + 1);
  if (!kw::detail::is_token(method) || target.empty()) return std::nullopt;
  if (target[0] != '/' && !kw::detail::is_letter(target[0])) return std::nullopt;
  for (char const c : target) {
    if (c <= ' ' || c == '#' || c > '~') return std::nullopt;
  }
  if (version.size() != 8 || !version.starts_with("HTTP/1.") || version[7] < '0' || version[7] > '9') {
    return std::nullopt;
  }
  std::string result{method};
  result += '|';
  result += target;
  result += "|0|";
  result += version[7];
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::size_t const colon = lines[i].find(':');
    if (colon == std::string_view::npos || !kw::detail::is_token(lines[i].substr(0, colon)))
      return std::nullopt;
    if (!kw::detail::is_field_value(lines[i].substr(colon + 1))) return std::nullopt;
    result += '|';
    result += lines[i].substr(0, colon);
    result += '=';
    result += kw::detail::trim(lines[i].substr(colon + 1));
  }
  return result;
}

}  // namespace

TEST_CASE("mutated heads: the same as the reference, in one piece and byte by byte") {
  std::mt19937 random{6455};
  std::string const original = sample::upgrade{}.with("Origin: http://a").with("Cookie: a=b").text();
  unsigned ready = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string const text = sample::mutated(original, random);
    CAPTURE(text);
    kw::head_parser const head = parse(text);
    std::optional<std::string> const expected = reference(text);
    REQUIRE((head.status() == status::ready) == expected.has_value());
    if (expected) REQUIRE(print(head) == *expected);
    REQUIRE(byte_by_byte(text, kind::request) == print(head));
    ready += expected ? 1 : 0;
  }
  CHECK(ready > 1000);
  CHECK(ready < 29000);
}

}  // namespace head_tests
