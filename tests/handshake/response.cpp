#include <kindwire/handshake/response.hpp>

#include <doctest/doctest.h>

#include <kindwire/handshake/head.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace response_tests {

namespace kw = kindwire;

namespace {

std::string written(kw::response const& response, bool to_head = false) {
  std::string out;
  CHECK_FALSE(kw::write_response(response, out, to_head));
  return out;
}

}  // namespace

TEST_CASE("response: on the wire") {
  CHECK(written(kw::response::text(200, "hello")) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\nConnection: "
        "close\r\n\r\nhello");
  CHECK(written({599, {{"A", "b"}}, ""}) ==
        "HTTP/1.1 599 \r\nA: b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(kw::response::html("<p>").headers.front().second == "text/html; charset=utf-8");
  CHECK(kw::response::plain(404).body == "404 Not Found\n");
}

TEST_CASE("RFC 9110 §9.3.2: the answer to HEAD is that to GET without its body") {
  std::string const get = written(kw::response::html("<p>page</p>"));
  std::string const head = written(kw::response::html("<p>page</p>"), true);
  CHECK(head + "<p>page</p>" == get);
}

TEST_CASE("RFC 9110 §8.6: no body and no length with 204 and 304") {
  CHECK(written({204, {}, "x"}) == "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  CHECK(written({304, {}, "x"}) == "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
}

TEST_CASE("RFC 9112 §9.6: every response ends the connection, and its head is one") {
  for (unsigned status = 200; status < 600; ++status) {
    std::string const text = written(kw::response::plain(status));
    kw::head_parser head{kw::head_parser::kind::response};
    std::string_view const rest = std::string_view{text}.substr(head.put(text));
    REQUIRE(head.status() == kw::handshake_status::ready);
    REQUIRE(head.status_code() == status);
    REQUIRE(head.headers().only("Connection") == "close");
    if (status != 204 && status != 304) {
      REQUIRE(head.headers().only("Content-Length") == std::to_string(rest.size()));
    }
  }
}

TEST_CASE("CR, LF, NUL and other control characters are never written") {
  std::string out = "before";
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    bool const control = (byte < 32 && byte != '\t') || byte == 127;
    std::string const value{'a', static_cast<char>(byte), 'b'};
    std::string scratch;
    CHECK((kw::write_response({200, {{"A", value}}, ""}, scratch) == kw::error::invalid_header) == control);
    CHECK(scratch.empty() == control);
    if (control) {
      CHECK(kw::write_response({200, {{value, "b"}}, ""}, out) == kw::error::invalid_header);
      CHECK(kw::write_response({200, {{"A", "b"}, {"C", value}}, ""}, out) == kw::error::invalid_header);
    }
  }
  CHECK(kw::write_response({200, {{"", "b"}}, ""}, out) == kw::error::invalid_header);
  CHECK(kw::write_response({200, {{"A b", "b"}}, ""}, out) == kw::error::invalid_header);
  CHECK(kw::write_response({200, {{"A:", "b"}}, ""}, out) == kw::error::invalid_header);
  CHECK(out == "before");
}

TEST_CASE("the fields that frame a message are the library's") {
  std::string out;
  for (std::string const name : {"Content-Length", "content-length", "Transfer-Encoding", "CONNECTION"}) {
    CHECK(kw::write_response({200, {{name, "0"}}, ""}, out) == kw::error::invalid_header);
  }
  for (unsigned const status : {0u, 99u, 100u, 101u, 199u, 600u, 1000u}) {
    CHECK(kw::write_response(kw::response::plain(status), out) == kw::error::invalid_argument);
  }
  CHECK(out.empty());
}

TEST_CASE("each error has its status") {
  auto const status = [](kw::error why) { return kw::response_for(why).status; };
  CHECK(status(kw::error::http_malformed) == 400);
  CHECK(status(kw::error::http_version) == 400);
  CHECK(status(kw::error::http_host) == 400);
  CHECK(status(kw::error::http_body) == 400);
  CHECK(status(kw::error::http_target) == 400);
  CHECK(status(kw::error::http_method) == 405);
  CHECK(status(kw::error::http_line_too_long) == 414);
  CHECK(status(kw::error::http_head_too_large) == 431);
  CHECK(status(kw::error::http_too_many_headers) == 431);
  CHECK(status(kw::error::handshake_upgrade) == 400);
  CHECK(status(kw::error::handshake_key) == 400);
  CHECK(status(kw::error::handshake_version) == 426);
  CHECK(status(kw::error::handshake_subprotocol) == 400);
  CHECK(status(kw::error::handshake_extension) == 400);
  CHECK(status(kw::error::handshake_origin) == 403);
}

TEST_CASE("RFC 9110 §15.5.6, §15.5.22, §7.8: what goes with 405 and 426") {
  std::string const not_allowed = written(kw::response::method_not_allowed("GET, HEAD"));
  CHECK(not_allowed.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
  CHECK(written(kw::response_for(kw::error::http_method)).find("\r\nAllow: GET\r\n") != std::string::npos);
  std::string const upgrade = written(kw::response_for(kw::error::handshake_version));
  CHECK(upgrade.find("\r\nUpgrade: websocket\r\n") != std::string::npos);
  CHECK(upgrade.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(upgrade.find("\r\nConnection: upgrade, close\r\n") != std::string::npos);
}

TEST_CASE("an answer that cannot be written is 500") {
  std::string out;
  kw::detail::write_any_response(kw::response::text(403, "no"), out);
  CHECK(out.starts_with("HTTP/1.1 403 "));
  out.clear();
  kw::detail::write_any_response({200, {{"A", "b\r\nc: d"}}, "secret"}, out);
  CHECK(out.starts_with("HTTP/1.1 500 "));
  CHECK(out.find("secret") == std::string::npos);
}

}  // namespace response_tests
