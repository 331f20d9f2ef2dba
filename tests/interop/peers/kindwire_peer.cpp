// kindwire's own end of matrix.py; `server --pongs` delivers pongs, and so answers pings itself.
#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/this_coro.hpp>
#include <csignal>
#include <cstdint>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>
#ifdef KINDWIRE_PEER_TLS
#include <kindwire/tls/acceptor.hpp>
#include <kindwire/tls/client.hpp>
#endif
#include <stdexcept>

#include "../../../examples/compression.hpp"
#include "peer.hpp"

namespace kw = kindwire;

namespace {

class adapter : public peer::connection {
 public:
  explicit adapter(kw::net::websocket& ws) : ws_(ws) {}

  // What was agreed on must also be done.
  void check_traffic(std::size_t received) const {
    if (peer::compression() == "off") return;
    auto const small = [](std::uint64_t bytes, std::size_t of) { return of < 200'000 || bytes < of / 4; };
    kw::net::statistics const seen = ws_.statistics().value();
    auto const terms = ws_.extensions();
    bool const as_asked =
        peer::compression() != "shared" || terms.find("server_no_context_takeover") != terms.npos;
    bool const right = terms.starts_with("permessage-deflate") && as_asked && small(seen.bytes_sent, sent_) &&
                       small(seen.bytes_received, received);
    if (!right) throw std::runtime_error("not compressed: '" + std::string(ws_.extensions()) + "'");
  }

  void send(peer::kind type, std::string const& payload) override {
    sent_ += payload.size();
    check(ws_.try_send(type == peer::kind::text ? kw::message_type::text : kw::message_type::binary,
                       kw::detail::as_bytes(payload)));
  }
  void send_fragments(std::vector<std::string> const& pieces) override {
    for (std::size_t at = 0; at < pieces.size(); ++at) {
      sent_ += pieces[at].size();
      auto const type = at == 0 ? kw::message_type::binary : kw::message_type::continuation;
      check(ws_.try_send_fragment(type, kw::detail::as_bytes(pieces[at]), at + 1 == pieces.size()));
    }
  }
  void ping(std::string const& data) override {
    check(ws_.try_send(kw::message_type::ping, kw::detail::as_bytes(data)));
  }
  void close(unsigned code, std::string const& reason) override {
    check(ws_.try_close(static_cast<kw::close_code>(code), reason));
  }

 private:
  static void check(std::error_code failure) {
    if (failure) throw std::system_error(failure);
  }
  kw::net::websocket& ws_;
  std::size_t sent_ = 0;
};

asio::awaitable<void> converse(kw::net::websocket& ws, peer::conversation& talk) {
  adapter on(ws);
  std::size_t received = 0;
  talk.opened(on, std::string(ws.subprotocol()));
  while (kw::message const msg = co_await ws.receive()) {
    std::string const payload(msg.text());
    received += payload.size();
    switch (msg.type()) {
      case kw::message_type::ping: ws.try_send(kw::message_type::pong, msg.bytes()); break;
      case kw::message_type::pong: talk.ponged(on, payload); break;
      default: talk.received(on, msg.is_text() ? peer::kind::text : peer::kind::binary, payload);
    }
  }
  co_await ws.close();
  on.check_traffic(received);
  talk.closed(static_cast<unsigned>(ws.close_code()), std::string(ws.close_reason()));
}

kw::net::connection_options options(bool pongs) {
  kw::net::connection_options result;
  result.max_message_size = std::size_t{4} << 20;
  result.autoping = !pongs;
  result.statistics = true;
  result.compression = compression_named(peer::compression());
  return result;
}

asio::awaitable<void> serve_one(kw::net::websocket& ws) {
  peer::conversation talk;
  co_await converse(ws, talk);
}

// Returns the port.
unsigned start(kw::net::server& server, [[maybe_unused]] asio::io_context& io,
               [[maybe_unused]] unsigned short port) {
#ifdef KINDWIRE_PEER_TLS
  if (std::string const folder = peer::tls_folder(); !folder.empty()) {
    kw::tls::acceptor secure{
        io, {.certificate = folder + "/certificate.pem", .key = folder + "/key.pem"}, "127.0.0.1", port};
    unsigned const found = secure.port();
    server.listen(std::move(secure));
    return found;
  }
#endif
  server.start();
  return server.port();
}

void be_server(unsigned short port, bool pongs) {
  asio::io_context io;
  kw::net::server_options wanted;
  wanted.port = port;
  wanted.connection = options(pongs);
  kw::net::server server{io, wanted};
  server.websocket("/", serve_one, {.subprotocols = {"chat"}});
  server.get("/page", kw::net::html("<p>for chromium_peer.js"));
  asio::signal_set signals(io, SIGTERM);
  signals.async_wait([&](std::error_code, int) { server.stop(); });
  peer::print_url(start(server, io, port));
  io.run();
}

asio::awaitable<void> talk_to(std::string url, kw::net::connect_options wanted, peer::conversation& talk) {
  kw::net::websocket ws = co_await kw::net::connect(co_await asio::this_coro::executor, url, wanted);
  co_await converse(ws, talk);
}

void be_client(std::string const& url, std::string const& subprotocols,
               std::vector<std::string> const& commands) {
  asio::io_context io;
  kw::net::connect_options wanted;
  wanted.connection = options(std::any_of(commands.begin(), commands.end(),
                                          [](auto const& each) { return each.starts_with("ping"); }));
  for (std::size_t at = 0; at < subprotocols.size();) {
    std::size_t const end = std::min(subprotocols.find(", ", at), subprotocols.size());
    wanted.subprotocols.push_back(subprotocols.substr(at, end - at));
    at = end + 2;
  }
  peer::conversation talk(commands);
  asio::co_spawn(io, talk_to(url, wanted, talk), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
}

}  // namespace

int main(int count, char** values) {
  bool const pongs = count > 2 && std::string_view(values[count - 1]) == "--pongs";
  return peer::run(
      count, values, [&](unsigned short port) { be_server(port, pongs); }, be_client);
}
