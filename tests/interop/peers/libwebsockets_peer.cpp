// libwebsockets' end of matrix.py. Who closes is not told by it what the other end answers: that is `closed 0
// `.
#include <libwebsockets.h>

#include <memory>
#include <stdexcept>
#include <utility>

#include "peer.hpp"

namespace {

peer::conversation* talk_of_client = nullptr;
std::string subprotocol_of_client;
bool over = false;

class connection : public peer::connection {
 public:
  explicit connection(lws* to) : to_(to) {}

  void send(peer::kind type, std::string const& payload) override {
    put(type == peer::kind::text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY, payload);
  }
  void send_fragments(std::vector<std::string> const& pieces) override {
    for (std::size_t at = 0; at < pieces.size(); ++at) {
      int const how = (at == 0 ? LWS_WRITE_BINARY : LWS_WRITE_CONTINUATION) |
                      (at + 1 == pieces.size() ? 0 : LWS_WRITE_NO_FIN);
      put(how, pieces[at]);
    }
  }
  void ping(std::string const& data) override { put(LWS_WRITE_PING, data); }
  void close(unsigned code, std::string const& reason) override {
    close_code_ = code;
    put(is_close, reason);
  }

  // The stream takes one frame; -1 ends the connection.
  int write() {
    if (out_.empty()) return 0;
    auto next = std::move(out_.front());
    out_.pop_front();
    std::size_t const size = next.payload.size();
    next.payload.insert(0, LWS_PRE, '\0');
    auto* const data = reinterpret_cast<unsigned char*>(next.payload.data()) + LWS_PRE;
    if (next.how == is_close) {
      lws_close_reason(to_, static_cast<lws_close_status>(close_code_), data, size);
      return -1;
    }
    if (lws_write(to_, data, size, static_cast<lws_write_protocol>(next.how)) < 0) return -1;
    if (!out_.empty()) lws_callback_on_writable(to_);
    return 0;
  }

  void receive(char const* data, std::size_t size) {
    in_.append(data, size);
    if (!lws_is_final_fragment(to_) || lws_remaining_packet_payload(to_) != 0) return;
    auto const type = lws_frame_is_binary(to_) ? peer::kind::binary : peer::kind::text;
    talk().received(*this, type, std::exchange(in_, {}));
  }

  void take_close(std::string data) {
    if (data.size() < 2) return;
    code_ =
        static_cast<unsigned>(static_cast<unsigned char>(data[0]) << 8 | static_cast<unsigned char>(data[1]));
    reason_ = data.substr(2);
  }

  void closed() { talk().closed(code_, reason_); }
  peer::conversation& talk() { return talk_of_client != nullptr ? *talk_of_client : talk_; }

 private:
  static constexpr int is_close = -1;
  struct frame {
    int how;
    std::string payload;
  };

  void put(int how, std::string const& payload) {
    out_.push_back({how, payload});
    lws_callback_on_writable(to_);
  }

  lws* to_;
  peer::conversation talk_;
  std::deque<frame> out_;
  std::string in_;
  std::string reason_;
  unsigned code_ = 0;
  unsigned close_code_ = 0;
};

int on_event(lws* of, lws_callback_reasons what, void* user, void* data, std::size_t size) {
  auto* const held = static_cast<connection**>(user);
  std::string const bytes = data != nullptr && size != 0 ? std::string(static_cast<char*>(data), size) : "";
  switch (what) {
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH: {
      char name[64] = "";
      if (lws_hdr_copy(of, name, sizeof name, WSI_TOKEN_PROTOCOL) > 0) subprotocol_of_client = name;
      break;
    }
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      *held = new connection(of);
      (*held)->talk().opened(**held, subprotocol_of_client);
      break;
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE: (*held)->receive(bytes.data(), bytes.size()); break;
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG: (*held)->talk().ponged(**held, bytes); break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLIENT_WRITEABLE: return (*held)->write();
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: (*held)->take_close(bytes); break;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLIENT_CLOSED:
      (*held)->closed();
      delete *held;
      over = talk_of_client != nullptr;
      break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      std::fprintf(stderr, "no connection: %s\n", bytes.c_str());
      std::exit(1);
    default: break;
  }
  return 0;
}

// The first one is for who asks for none.
lws_protocols const protocols[] = {{"none", on_event, sizeof(connection*), 65536, 0, nullptr, 0},
                                   {"chat", on_event, sizeof(connection*), 65536, 0, nullptr, 0},
                                   {nullptr, nullptr, 0, 0, 0, nullptr, 0}};

lws_extension const* extensions() {
  static lws_extension chosen[] = {
      {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"},
      {nullptr, nullptr, nullptr}};
  std::string const compression = peer::compression();
  if (compression == "off") return nullptr;
  if (compression == "shared")
    chosen[0].client_offer = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
  if (compression == "small")
    chosen[0].client_offer = "permessage-deflate; client_max_window_bits=12; server_max_window_bits=12";
  return chosen;
}

using context = std::unique_ptr<lws_context, decltype(&lws_context_destroy)>;

context make_context(int port) {
  lws_set_log_level(LLL_ERR, nullptr);
  lws_context_creation_info wanted{};
  wanted.port = port;
  wanted.iface = port == CONTEXT_PORT_NO_LISTEN ? nullptr : "127.0.0.1";
  wanted.protocols = protocols;
  wanted.extensions = extensions();
  context result(lws_create_context(&wanted), lws_context_destroy);
  if (!result) throw std::runtime_error("no context");
  return result;
}

void run(context const& of) {
  while (!over && lws_service(of.get(), 0) >= 0) {}
}

void be_server(unsigned short port) {
  context const all = make_context(port);
  peer::print_url(
      static_cast<unsigned>(lws_get_vhost_listen_port(lws_get_vhost_by_name(all.get(), "default"))));
  run(all);
}

void be_client(std::string const& url, std::string const& subprotocols,
               std::vector<std::string> const& commands) {
  context const all = make_context(CONTEXT_PORT_NO_LISTEN);
  peer::conversation talk(commands);
  talk_of_client = &talk;
  std::string const host = url.substr(5, url.find('/', 5) - 5);  // behind ws://
  std::size_t const colon = host.find(':');
  std::string const address = host.substr(0, colon);
  std::string const path = url.substr(5 + host.size());
  lws_client_connect_info to{};
  to.context = all.get();
  to.address = address.c_str();
  to.port = std::stoi(host.substr(colon + 1));
  to.path = path.c_str();
  to.host = host.c_str();
  to.protocol = subprotocols.empty() ? nullptr : subprotocols.c_str();
  if (lws_client_connect_via_info(&to) == nullptr) throw std::runtime_error("no connection");
  run(all);
}

}  // namespace

int main(int count, char** values) { return peer::run(count, values, be_server, be_client); }
