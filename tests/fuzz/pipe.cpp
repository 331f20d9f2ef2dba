// Our client against our server, from the opening handshake on, over a pipe that the fuzzer cuts, and that it
// may break: what one end sends the other receives, or the connection ends with one error.
#include <kindwire/handshake/client.hpp>
#include <kindwire/handshake/server.hpp>
#include <kindwire/session.hpp>

#include "fuzz.hpp"
#include "support/end.hpp"

namespace kw = kindwire;

namespace {

using support::operator+;
using support::operator+=;

// The client's first frames may come in one piece with its request, or the server's with its answer: what is
// left over of a handshake goes to the session.
void open(support::end& server, support::end& client, unsigned cut, support::bytes const& early) {
  kw::client_handshake asks({.host = "localhost", .target = "/a"}, {.subprotocols = {"chat"}});
  kw::server_handshake answers;
  fuzz::in_pieces(asks.output(), cut, [&](std::span<std::byte> piece) { fuzz::put(answers, piece); });
  FUZZ_CLAIM(answers.status() == kw::handshake_status::ready && answers.leftover().empty());
  FUZZ_CLAIM(!kw::check_upgrade(answers.request()));
  std::string answer;
  FUZZ_CLAIM(!kw::write_accept(answers.request(), {.subprotocol = "chat"}, answer));

  FUZZ_CLAIM(!server.ws.send(kw::message_type::binary, early));
  support::bytes stream = support::text(answer) + support::copy(server.ws.output());
  server.ws.consume(server.ws.output().size());
  fuzz::in_pieces(stream, cut, [&](std::span<std::byte> piece) { fuzz::put(asks, piece); });
  FUZZ_CLAIM(asks.status() == kw::handshake_status::ready && asks.subprotocol() == "chat");
  client.take(asks.leftover());
  FUZZ_CLAIM(client.seen.size() == 1 && client.seen[0].payload == early);
  client.seen.clear();
}

class connection {
 public:
  explicit connection(fuzz::source& from) : from_(from) {}

  void run() {
    unsigned const cut = from_.byte();
    open(ends_[0], ends_[1], cut, from_.take(cut % 8));
    while (!from_.empty()) step();
    while (!ends_[0].ws.output().empty() || !ends_[1].ws.output().empty()) {
      carry(0, 64 * 1024);
      carry(1, 64 * 1024);
    }
    if (!broken_) check();
  }

 private:
  void step() {
    unsigned const who = from_.flag();
    switch (from_.byte() % 6) {
      case 0: send(who, from_.flag()); break;
      case 1: send_fragments(who); break;
      case 2: ends_[who].ws.send(kw::message_type::ping, from_.take(from_.byte() % 126)); break;
      case 3:
      case 4: carry(who, from_.byte()); break;
      case 5:
        if (from_.byte() % 16 != 0) break;
        closed_[who] = closed_[who] || !ends_[who].ws.close_sent();
        ends_[who].ws.close(kw::close_code::going_away, "enough");
        break;
    }
  }

  void send(unsigned who, bool large) {
    support::bytes payload = from_.take(from_.byte());
    auto const type = support::reference_is_utf8(payload) ? kw::message_type::text : kw::message_type::binary;
    if (large) payload.resize(payload.size() * (1 + from_.byte() * 8));
    std::string_view const text{reinterpret_cast<char const*>(payload.data()), payload.size()};
    auto const wrong =
        type == kw::message_type::text ? ends_[who].ws.send(text) : ends_[who].ws.send(type, payload);
    if (!wrong) sent_[who].push_back({type, payload});
  }

  void send_fragments(unsigned who) {
    support::bytes whole;
    auto type = kw::message_type::binary;
    for (unsigned left = from_.byte() % 5;; --left) {
      support::bytes const part = from_.take(from_.byte() % 64);
      if (ends_[who].ws.send(type, part, left == 0)) return;  // closed
      whole += part;
      type = kw::message_type::continuation;
      if (left == 0) break;
      if (from_.flag()) carry(who, from_.byte());  // the other end has a part of it
      if (from_.flag()) ends_[who].ws.send(kw::message_type::ping, {});
    }
    sent_[who].push_back({kw::opcode::binary, whole});
  }

  void carry(unsigned sender, std::size_t most) {
    auto& ws = ends_[sender].ws;
    support::bytes copy = support::copy(ws.output().first(std::min(most, ws.output().size())));
    ws.consume(copy.size());
    if (most % 64 == 63 && !copy.empty()) {
      copy[most % copy.size()] ^= static_cast<std::byte>(1 + from_.byte() % 255);
      broken_ = true;
    }
    support::end& to = ends_[1 - sender];
    bool const was_closed = to.ws.state() == kw::session_state::closed;
    std::size_t const before = to.seen.size();
    auto const error = to.ws.error();
    to.take(copy);
    if (was_closed) FUZZ_CLAIM(to.seen.size() == before && to.ws.error() == error);
  }

  void check() {
    bool const closing = ends_[0].ws.close_sent() || ends_[1].ws.close_sent();
    for (unsigned who : {0u, 1u}) {
      auto const& ws = ends_[who].ws;
      FUZZ_CLAIM(!ws.error());
      auto const& got = ends_[1 - who].seen;
      FUZZ_CLAIM(got.size() <= sent_[who].size() && std::equal(got.begin(), got.end(), sent_[who].begin()));
      FUZZ_CLAIM(got.size() == sent_[who].size() || closing);
      if (!closing) continue;
      FUZZ_CLAIM(ws.state() == kw::session_state::closed && ws.close_received());
      FUZZ_CLAIM(ws.close_code() == kw::close_code::going_away);
      FUZZ_CLAIM(ws.closed_by_peer() == !closed_[who]);  // of two that close at once neither was
    }
  }

  fuzz::source& from_;
  support::end ends_[2] = {support::end{kw::role::server}, support::end{kw::role::client}};
  std::vector<support::reference_event> sent_[2];
  bool closed_[2] = {};  // by itself
  bool broken_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  connection(from).run();
  return 0;
}
