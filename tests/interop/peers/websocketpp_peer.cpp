// websocketpp's end of matrix.py.
#include <websocketpp/client.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>
#include <websocketpp/extensions/permessage_deflate/enabled.hpp>
#include <websocketpp/server.hpp>

#include "peer.hpp"

namespace {

namespace opcode = websocketpp::frame::opcode;

// Its client offers nothing.
struct compressing_server : websocketpp::config::asio {
  struct permessage_deflate_config {};
  using permessage_deflate_type =
      websocketpp::extensions::permessage_deflate::enabled<permessage_deflate_config>;
};
using websocketpp::connection_hdl;

template <class Endpoint>
class adapter : public peer::connection {
 public:
  explicit adapter(typename Endpoint::connection_ptr to) : to_(std::move(to)) {}
  void send(peer::kind type, std::string const& payload) override {
    check(to_->send(payload, type == peer::kind::text ? opcode::text : opcode::binary));
  }
  void send_fragments(std::vector<std::string> const& pieces) override {
    for (std::size_t at = 0; at < pieces.size(); ++at) {
      auto const frame = to_->get_message(at == 0 ? opcode::binary : opcode::continuation, pieces[at].size());
      frame->append_payload(pieces[at]);
      frame->set_fin(at + 1 == pieces.size());
      check(to_->send(frame));
    }
  }
  void ping(std::string const& data) override { to_->ping(data); }
  void close(unsigned code, std::string const& reason) override {
    to_->close(static_cast<websocketpp::close::status::value>(code), reason);
  }

 private:
  static void check(websocketpp::lib::error_code failure) {
    if (failure) throw std::runtime_error(failure.message());
  }
  typename Endpoint::connection_ptr to_;
};

template <class Endpoint>
void prepare(Endpoint& endpoint, peer::conversation& talk) {
  endpoint.clear_access_channels(websocketpp::log::alevel::all);
  endpoint.clear_error_channels(websocketpp::log::elevel::all);
  endpoint.init_asio();
  auto const with = [&](connection_hdl of, auto work) {
    auto const to = endpoint.get_con_from_hdl(of);
    adapter<Endpoint> on(to);
    work(on, *to);
  };
  endpoint.set_open_handler([=, &talk](connection_hdl of) {
    with(of, [&](auto& on, auto& to) { talk.opened(on, to.get_response_header("Sec-WebSocket-Protocol")); });
  });
  endpoint.set_message_handler([=, &talk](connection_hdl of, typename Endpoint::message_ptr message) {
    auto const type = message->get_opcode() == opcode::text ? peer::kind::text : peer::kind::binary;
    with(of, [&](auto& on, auto&) { talk.received(on, type, message->get_payload()); });
  });
  endpoint.set_pong_handler([=, &talk](connection_hdl of, std::string data) {
    with(of, [&](auto& on, auto&) { talk.ponged(on, data); });
  });
  endpoint.set_close_handler([=, &talk](connection_hdl of) {
    with(of, [&](auto&, auto& to) { talk.closed(to.get_remote_close_code(), to.get_remote_close_reason()); });
  });
  endpoint.set_fail_handler([](connection_hdl) { throw std::runtime_error("no connection"); });
}

template <class Config>
void be_server_of(unsigned short port) {
  using endpoint = websocketpp::server<Config>;
  endpoint server;
  peer::conversation talk;
  prepare(server, talk);
  server.set_validate_handler([&](connection_hdl of) {
    auto const to = server.get_con_from_hdl(of);
    for (auto const& each : to->get_requested_subprotocols()) {
      if (each == "chat") to->select_subprotocol(each);
    }
    return true;
  });
  server.listen(
      websocketpp::lib::asio::ip::tcp::endpoint(websocketpp::lib::asio::ip::address_v4::loopback(), port));
  server.start_accept();
  websocketpp::lib::asio::error_code failure;
  peer::print_url(server.get_local_endpoint(failure).port());
  server.run();
}

void be_server(unsigned short port) {
  peer::compression() == "off" ? be_server_of<websocketpp::config::asio>(port)
                               : be_server_of<compressing_server>(port);
}

void be_client(std::string const& url, std::string const& subprotocols,
               std::vector<std::string> const& commands) {
  using endpoint = websocketpp::client<websocketpp::config::asio_client>;
  endpoint client;
  peer::conversation talk(commands);
  prepare(client, talk);
  websocketpp::lib::error_code failure;
  auto const to = client.get_connection(url, failure);
  if (failure) throw std::runtime_error(failure.message());
  if (!subprotocols.empty()) to->append_header("Sec-WebSocket-Protocol", subprotocols);
  client.connect(to);
  client.run();
}

}  // namespace

int main(int count, char** values) { return peer::run(count, values, be_server, be_client); }
