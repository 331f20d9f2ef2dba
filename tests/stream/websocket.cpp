#include <kindwire/stream/websocket.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <kindwire/stream/memory.hpp>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace websocket_tests {

namespace kw = kindwire;

namespace {

using websocket = kw::blocking_websocket<kw::memory_stream>;

// Accepts one connection and sends every message back, as a server's thread does.
struct echo_server {
  explicit echo_server(kw::memory_stream stream, kw::accept_settings settings = {})
      : thread([this, stream = std::move(stream), settings = std::move(settings)]() mutable {
          ws = kw::accept(std::move(stream), failure, settings);
          if (failure) return;
          while (kw::message const msg = ws.receive(failure)) {
            std::error_code unsent;
            ws.send(msg.type(), msg.bytes(), unsent);
          }
        }) {}
  ~echo_server() { join(); }
  void join() {
    if (thread.joinable()) thread.join();
  }

  websocket ws;
  std::error_code failure;
  std::thread thread;
};

}  // namespace

TEST_CASE("handshake, messages and close over streams of every shortness") {
  for (std::size_t size : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, std::size_t{100000}}) {
    CAPTURE(size);
    auto [near, far] =
        kw::make_memory_streams({.max_read = size, .max_write = size}, {.max_read = size, .max_write = size});
    echo_server server(std::move(far), {.subprotocols = {"v2", "v1"}});
    std::error_code failure;
    auto ws = kw::connect(std::move(near), "ws://localhost/a?b=c", failure, {.subprotocols = {"v1", "v2"}});
    REQUIRE(!failure);
    CHECK(ws.subprotocol() == "v2");
    for (std::size_t const length : std::initializer_list<std::size_t>{0, 1, 125, 126, 65535, 65536}) {
      if (length > 1000 * size) continue;
      std::string const text(length, 'x');
      ws.send(text, failure);
      CHECK(!failure);
      kw::message const reply = ws.receive(failure);
      CHECK(reply.is_text());
      CHECK(reply.text() == text);
    }
    ws.close(failure, kw::close_code::going_away, "bye");
    CHECK(!failure);
    server.join();
    CHECK(!server.failure);
    CHECK(server.ws.request().path() == "/a");
    CHECK(server.ws.protocol().close_code() == kw::close_code::going_away);
    CHECK(server.ws.protocol().close_reason() == "bye");
  }
}

TEST_CASE("a refused handshake hands the answer over") {
  auto [near, far] = kw::make_memory_streams();
  kw::accept_settings settings;
  settings.before = [](kw::request const& head) -> std::optional<kw::response> {
    if (head.header("Authorization") == "Bearer good") return std::nullopt;
    return kw::response::text(401, "who are you?");
  };
  echo_server server(std::move(far), settings);
  std::error_code failure;
  kw::response answer;
  auto const ws = kw::connect(std::move(near), "ws://localhost/", failure, {}, {}, &answer);
  CHECK(!ws);
  CHECK(failure == kw::error::handshake_refused);
  CHECK(answer.status == 401);
  CHECK(answer.body == "who are you?");
  server.join();
  CHECK(server.failure == kw::error::handshake_refused);
}

namespace {

// A stream that gives one piece of text a read, then waits or fails; writes fail with `unwritten`.
struct scripted_stream {
  std::vector<std::string>* pieces;
  std::error_code end = {};
  std::error_code unwritten = {};
  std::function<void()> before_read = [] {};

  std::size_t read_some(std::span<std::byte> into, std::error_code& failure) {
    before_read();
    failure = pieces->empty() ? end : std::error_code{};
    if (pieces->empty()) return 0;
    std::string const piece = pieces->front();
    pieces->erase(pieces->begin());
    REQUIRE(piece.size() <= into.size());
    std::memcpy(into.data(), piece.data(), piece.size());
    return piece.size();
  }
  std::size_t write_some(std::span<std::byte const> from, std::error_code& failure) {
    failure = unwritten;
    return unwritten ? 0 : from.size();
  }
};

}  // namespace

TEST_CASE(
    "blocking: a refusal whose body breaks off is a refusal, and a server that speaks no HTTP is quoted") {
  std::string const head = "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n";
  auto const outcome = [](std::vector<std::string> pieces, std::error_code end, kw::response& answer,
                          std::error_code unwritten = {}) {
    std::error_code failure;
    CHECK(
        !kw::connect(scripted_stream{&pieces, end, unwritten}, "ws://localhost/", failure, {}, {}, &answer));
    return failure;
  };
  auto const reset = std::make_error_code(std::errc::connection_reset);
  auto const late = std::make_error_code(std::errc::timed_out);
  for (std::error_code const end : {std::error_code{}, reset, late}) {
    kw::response answer;
    CHECK(outcome({head, "half"}, end, answer) == kw::error::handshake_refused);
    CHECK(answer.status == 503);
    CHECK(answer.body == "half");
    kw::response none;
    CHECK(outcome({head.substr(0, 30)}, end, none) == (end ? end : kw::error::connection_lost));
    CHECK(none.status == 200);
  }
  kw::response said;
  CHECK(outcome({"SSH-2.0-x\r\n"}, {}, said) == kw::error::http_malformed);
  CHECK(said.status == 0);
  CHECK(said.body == R"(SSH-2.0-x\r\n)");

  // Refused before all of the request was read.
  kw::response early;
  CHECK(outcome({head, "half"}, reset, early, reset) == kw::error::handshake_refused);
  CHECK(early.status == 503);
  CHECK(outcome({}, {}, early, reset) == reset);
  CHECK(outcome({head}, {}, early, late) == late);
}

TEST_CASE("blocking: a body that never ends is not waited for") {
  std::vector<std::string> pieces(3, "x");
  pieces.front() = "HTTP/1.1 503 Busy\r\n\r\n";
  auto const begin = std::chrono::steady_clock::now();
  scripted_stream endless{&pieces, {}, {}, [&] {
                            pieces.emplace_back("x");
                            if (pieces.size() == 4)
                              std::this_thread::sleep_for(std::chrono::milliseconds(50));
                          }};
  std::error_code failure;
  kw::response answer;
  CHECK(!kw::connect(std::move(endless), "ws://localhost/", failure, {.max_body = 1000000}, {}, &answer));
  CHECK(failure == kw::error::handshake_refused);
  CHECK(answer.body.size() > 3);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("an error at the k-th operation of either end: no hang, no crash, an error or a clean end") {
  for (std::size_t k = 1; k != 24; ++k) {
    for (bool at_server : {false, true}) {
      CAPTURE(k);
      CAPTURE(at_server);
      auto [near, far] = kw::make_memory_streams({.max_read = 40, .fail_at = at_server ? 0 : k},
                                                 {.max_read = 40, .fail_at = at_server ? k : 0});
      echo_server server(std::move(far));
      std::error_code failure;
      {
        auto ws = kw::connect(std::move(near), "ws://localhost/", failure);
        for (int i = 0; i != 3 && !failure; ++i) {
          ws.send("hello", failure);
          if (!failure) ws.receive(failure);
        }
        if (!failure) ws.close(failure);
      }
      server.join();
      if (k < 8) CHECK((failure || server.failure));
    }
  }
}

TEST_CASE("a peer that breaks a rule is told why") {
  auto [near, far] = kw::make_memory_streams();
  websocket ws(std::move(near), kw::role::server);
  std::error_code failure;
  far.write_some(kw::detail::as_bytes(std::string_view("\x83\x80\0\0\0\0", 6)), failure);
  far.shutdown_send();
  CHECK(!ws.receive(failure));
  CHECK(failure == kw::error::reserved_opcode);
  std::byte answer[200];
  std::size_t const size = far.read_some(answer, failure);
  REQUIRE(size > 4);
  CHECK(answer[0] == std::byte{0x88});
  CHECK(answer[2] == std::byte{0x03});
  CHECK(answer[3] == std::byte{0xEA});
  CHECK(far.read_some(answer, failure) == 0);
  CHECK(!failure);
}

TEST_CASE("a stream that ends without a Close is connection_lost; no connection is closed") {
  auto [near, far] = kw::make_memory_streams();
  websocket ws(std::move(near), kw::role::client);
  far.close();
  std::error_code failure;
  CHECK(!ws.receive(failure));
  CHECK(failure == kw::error::connection_lost);
  websocket none;
  none.send("x", failure);
  CHECK(failure == kw::error::closed);
  CHECK(!none.receive(failure));
  CHECK(failure == kw::error::closed);
}

TEST_CASE("what the peer said before it went is received, although nothing can be sent any more") {
  for (bool const closes : {true, false}) {
    CAPTURE(closes);
    auto [near, far] = kw::make_memory_streams();
    websocket ws(std::move(near), kw::role::server);
    kw::session peer(kw::role::client);
    peer.send("one");
    peer.send(kw::message_type::ping, {});  // whose answer cannot be written
    peer.send("two");
    if (closes) peer.close();
    std::error_code failure;
    far.write_some(peer.output(), failure);
    far.close();

    ws.send("to nobody", failure);
    CHECK(failure == std::errc::broken_pipe);
    CHECK(ws.receive(failure).text() == "one");
    CHECK(!failure);
    CHECK(ws.receive(failure).text() == "two");
    CHECK(!failure);
    CHECK(!ws.receive(failure));
    if (closes) {
      CHECK(!failure);
      CHECK(ws.close_code() == kw::close_code::normal);
      CHECK(ws.closed_by_peer());
    } else {
      CHECK(failure == kw::error::connection_lost);
      CHECK(ws.close_code() == kw::close_code::abnormal);
    }
    ws.send("to nobody", failure);
    CHECK(failure == kw::error::closed);
  }
}

// Whose reads wait for longer than a close may take, and get nothing.
struct silent_stream {
  std::size_t read_some(std::span<std::byte>, std::error_code& failure) {
    std::this_thread::sleep_for(std::chrono::milliseconds(6400));
    failure = std::make_error_code(std::errc::timed_out);
    return 0;
  }
  std::size_t write_some(std::span<std::byte const> from, std::error_code& failure) {
    failure.clear();
    return from.size();
  }
  void close() { *closed = true; }
  bool* closed;
};

TEST_CASE("blocking: a peer that does not answer our Close is given up, though each read waits for long") {
  bool closed = false;
  kw::blocking_websocket<silent_stream> ws(silent_stream{&closed}, kw::role::client);
  std::error_code failure;
  ws.close(failure);
  CHECK(failure == kw::error::close_timeout);
  CHECK(closed);
}

// A stream that is closed while there is something left to read is reset, and what it said may be lost.
struct resetting_stream {
  std::size_t read_some(std::span<std::byte> into, std::error_code& failure) {
    failure.clear();
    std::size_t const size = std::min({into.size(), *unread, std::size_t{500}});
    std::memset(into.data(), 'a', size);
    *unread -= size;
    return size;
  }
  std::size_t write_some(std::span<std::byte const> from, std::error_code& failure) {
    failure.clear();
    said->append(reinterpret_cast<char const*>(from.data()), from.size());
    return from.size();
  }
  void shutdown_send() {}
  void close() {
    if (*unread != 0) said->clear();
  }
  std::size_t* unread;
  std::string* said;
};

TEST_CASE("blocking: a refusal comes before the end of a request that was not read to its end") {
  std::size_t unread = 100000;
  std::string said;
  std::error_code failure;
  CHECK(!kw::accept(resetting_stream{&unread, &said}, failure));
  CHECK(failure);
  CHECK(said.starts_with("HTTP/1.1 4"));
}

TEST_CASE("blocking: a request without an end is not read for ever") {
  std::size_t unread = std::size_t{1} << 30;
  std::string said;
  std::error_code failure;
  CHECK(!kw::accept(resetting_stream{&unread, &said}, failure));
  CHECK(unread > std::size_t{1} << 29);
}

TEST_CASE("a send that would wait has queued its message, which leaves once and with the next operation") {
  auto [near, far] = kw::make_memory_streams({.capacity = 10, .waits = false}, {.waits = false});
  websocket ws(std::move(near), kw::role::server);
  std::error_code failure;
  ws.send("sixteen bytes...", failure);
  CHECK(!failure);
  std::byte got[64];
  CHECK(far.read_some(got, failure) == 10);
  ws.flush(failure);
  CHECK(!failure);
  CHECK(far.read_some(got, failure) == 8);
  CHECK(ws.protocol().output().empty());
}

TEST_CASE("what each side said in its Close, and who closed first") {
  auto [near, far] = kw::make_memory_streams();
  echo_server server(std::move(far));
  std::error_code failure;
  auto ws = kw::connect(std::move(near), "ws://localhost/", failure);
  REQUIRE(!failure);
  CHECK(ws.close_code() == kw::close_code::abnormal);
  CHECK(ws.sent_close_code() == kw::close_code::abnormal);
  ws.close(failure, kw::close_code::going_away, "bye");
  CHECK(!failure);
  server.join();
  CHECK(ws.sent_close_code() == kw::close_code::going_away);
  CHECK(ws.sent_close_reason() == "bye");
  CHECK(ws.close_code() == kw::close_code::going_away);  // the echo
  CHECK(ws.close_reason().empty());
  CHECK(!ws.closed_by_peer());
  CHECK(server.ws.close_code() == kw::close_code::going_away);
  CHECK(server.ws.close_reason() == "bye");
  CHECK(server.ws.sent_close_code() == kw::close_code::going_away);
  CHECK(server.ws.sent_close_reason().empty());
  CHECK(server.ws.closed_by_peer());
}

TEST_CASE("both sides close at once: each reads the other's Close, and answers none") {
  for (kw::role const self : {kw::role::server, kw::role::client}) {
    auto [near, far] = kw::make_memory_streams();
    websocket ws(std::move(near), self);
    // The peer's Close is on its way, and was not read yet, when ours is written.
    kw::session peer(self == kw::role::server ? kw::role::client : kw::role::server);
    peer.close(static_cast<kw::close_code>(4000), "theirs");
    std::error_code failure;
    far.write_some(peer.output(), failure);
    far.shutdown_send();
    ws.close(failure, kw::close_code::going_away, "ours");
    CHECK(!failure);
    CHECK(static_cast<int>(ws.close_code()) == 4000);
    CHECK(ws.close_reason() == "theirs");
    CHECK(ws.sent_close_code() == kw::close_code::going_away);
    CHECK(ws.sent_close_reason() == "ours");
    CHECK(!ws.closed_by_peer());
    std::size_t const size = far.read_some(peer.prepare(100), failure);
    peer.commit(size);
    CHECK(!peer.poll());
    CHECK(peer.close_code() == kw::close_code::going_away);
    CHECK(peer.close_reason() == "ours");
    CHECK(peer.unread_size() == 0);
    std::byte more[1];
    CHECK(far.read_some(more, failure) == 0);  // one Close, and the end
  }
  websocket none;
  CHECK(none.close_code() == kw::close_code::abnormal);
  CHECK(none.sent_close_code() == kw::close_code::abnormal);
  CHECK(none.close_reason().empty());
  CHECK(none.sent_close_reason().empty());
  CHECK(!none.closed_by_peer());
}

}  // namespace websocket_tests
