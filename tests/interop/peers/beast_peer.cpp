// Boost.Beast's end of matrix.py.
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <functional>
#include <memory>
#include <type_traits>

#include "peer.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using failure_of = beast::error_code;
using secure_stream = beast::ssl_stream<tcp::socket>;

// Stream is a socket, or TLS over one.
template <class Stream>
class connection : public peer::connection, public std::enable_shared_from_this<connection<Stream>> {
 public:
  connection(Stream stream, peer::conversation talk) : ws_(std::move(stream)), talk_(std::move(talk)) {
    ws_.read_message_max(std::size_t{4} << 20);
    std::string const compression = peer::compression();
    if (compression != "off") {
      beast::websocket::permessage_deflate wanted;
      wanted.client_enable = wanted.server_enable = true;
      wanted.client_no_context_takeover = wanted.server_no_context_takeover = compression == "shared";
      if (compression == "small") wanted.client_max_window_bits = wanted.server_max_window_bits = 12;
      ws_.set_option(wanted);
    }
    ws_.control_callback([this](beast::websocket::frame_type type, beast::string_view data) {
      if (type != beast::websocket::frame_type::pong) return;
      asio::post(ws_.get_executor(), [self = this->shared_from_this(), data = std::string(data)] {
        self->talk_.ponged(*self, data);
      });
    });
  }

  void accept() {
    if constexpr (is_secure) ws_.next_layer().handshake(asio::ssl::stream_base::server);
    http::read(ws_.next_layer(), buffer_, request_);
    auto offered = http::token_list(request_[http::field::sec_websocket_protocol]);
    if (offered.exists("chat")) {
      ws_.set_option(beast::websocket::stream_base::decorator([](beast::websocket::response_type& answer) {
        answer.set(http::field::sec_websocket_protocol, "chat");
      }));
    }
    ws_.accept(request_);
    start("");
  }

  void handshake(std::string const& host, std::string const& target, std::string const& subprotocols) {
    if (!subprotocols.empty()) {
      ws_.set_option(beast::websocket::stream_base::decorator([=](beast::websocket::request_type& request) {
        request.set(http::field::sec_websocket_protocol, subprotocols);
      }));
    }
    if constexpr (is_secure) ws_.next_layer().handshake(asio::ssl::stream_base::client);
    beast::websocket::response_type answer;
    ws_.handshake(answer, host, target);
    start(std::string(answer[http::field::sec_websocket_protocol]));
  }

  void send(peer::kind type, std::string const& payload) override {
    write([=, this](auto done) {
      ws_.text(type == peer::kind::text);
      ws_.async_write(asio::buffer(out_ = payload), done);
    });
  }
  void send_fragments(std::vector<std::string> const& pieces) override {
    for (std::size_t at = 0; at < pieces.size(); ++at) {
      write([=, this, piece = pieces[at], fin = at + 1 == pieces.size()](auto done) {
        ws_.text(false);
        ws_.async_write_some(fin, asio::buffer(out_ = piece), done);
      });
    }
  }
  void ping(std::string const& data) override {
    write([=, this](auto done) {
      ws_.async_ping({data.data(), data.size()}, [=](failure_of failure) { done(failure, 0); });
    });
  }
  void close(unsigned code, std::string const& reason) override {
    write([=, this](auto done) {
      beast::websocket::close_reason why(static_cast<beast::websocket::close_code>(code), reason.c_str());
      ws_.async_close(why, [=](failure_of failure) { done(failure, 0); });
    });
  }

 private:
  static constexpr bool is_secure = !std::is_same_v<Stream, tcp::socket>;
  using completion = std::function<void(failure_of, std::size_t)>;

  void start(std::string const& subprotocol) {
    read();
    talk_.opened(*this, subprotocol);
  }

  // One write at a time, as Beast wants it.
  void write(std::function<void(completion)> what) {
    writes_.push_back(std::move(what));
    if (writes_.size() == 1) write_next();
  }
  void write_next() {
    writes_.front()([self = this->shared_from_this()](failure_of, std::size_t) {
      self->writes_.pop_front();
      if (!self->writes_.empty()) self->write_next();
    });
  }

  void read() {
    ws_.async_read(in_, [self = this->shared_from_this()](failure_of failure, std::size_t) {
      if (failure) return self->talk_.closed(self->ws_.reason().code, self->ws_.reason().reason.c_str());
      auto const type = self->ws_.got_text() ? peer::kind::text : peer::kind::binary;
      std::string const payload = beast::buffers_to_string(self->in_.data());
      self->in_.clear();
      self->talk_.received(*self, type, payload);
      self->read();
    });
  }

  beast::websocket::stream<Stream> ws_;
  peer::conversation talk_;
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  beast::flat_buffer in_;
  std::string out_;
  std::deque<std::function<void(completion)>> writes_;
};

void be_server(unsigned short port) {
  asio::io_context io;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  peer::print_url(acceptor.local_endpoint().port());
  asio::ssl::context tls(asio::ssl::context::tls_server);
  std::string const folder = peer::tls_folder();
  if (!folder.empty()) {
    tls.use_certificate_chain_file(folder + "/certificate.pem");
    tls.use_private_key_file(folder + "/key.pem", asio::ssl::context::pem);
  }
  std::function<void()> const accept = [&] {
    acceptor.async_accept([&](failure_of failure, tcp::socket socket) {
      if (!failure && folder.empty()) {
        std::make_shared<connection<tcp::socket>>(std::move(socket), peer::conversation())->accept();
      } else if (!failure) {
        std::make_shared<connection<secure_stream>>(secure_stream(std::move(socket), tls),
                                                    peer::conversation())
            ->accept();
      }
      accept();
    });
  };
  accept();
  io.run();
}

void be_client(std::string const& url, std::string const& subprotocols,
               std::vector<std::string> const& commands) {
  std::size_t const begin = url.find("://") + 3;
  std::string const host = url.substr(begin, url.find('/', begin) - begin);
  std::string const target = url.substr(begin + host.size());
  asio::io_context io;
  tcp::socket socket(io);
  std::size_t const colon = host.find(':');
  auto const port = static_cast<unsigned short>(std::stoul(host.substr(colon + 1)));
  socket.connect({asio::ip::make_address(host.substr(0, colon)), port});
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.set_default_verify_paths();
  if (!url.starts_with("wss:")) {
    std::make_shared<connection<tcp::socket>>(std::move(socket), peer::conversation(commands))
        ->handshake(host, target, subprotocols);
  } else {
    secure_stream stream(std::move(socket), tls);
    stream.set_verify_mode(asio::ssl::verify_peer);
    stream.set_verify_callback(asio::ssl::host_name_verification(host.substr(0, colon)));
    std::make_shared<connection<secure_stream>>(std::move(stream), peer::conversation(commands))
        ->handshake(host, target, subprotocols);
  }
  io.run();
}

}  // namespace

int main(int count, char** values) { return peer::run(count, values, be_server, be_client); }
