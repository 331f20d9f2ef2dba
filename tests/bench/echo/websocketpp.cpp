// websocketpp's echo server. For speed, as the comments of its config/core.hpp have it: no locks
// (enable_multithreading, concurrency::none), no logging, a read buffer of 64 KiB.
#include <cstdio>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

namespace {

struct fast : websocketpp::config::asio {
  using concurrency_type = websocketpp::concurrency::none;
  using elog_type = websocketpp::log::stub;
  using alog_type = websocketpp::log::stub;
  static bool const enable_multithreading = false;
  static std::size_t const connection_read_buffer_size = 65536;

  struct transport_config : websocketpp::config::asio::transport_config {
    using concurrency_type = fast::concurrency_type;
    using elog_type = fast::elog_type;
    using alog_type = fast::alog_type;
    static bool const enable_multithreading = false;
  };
  using transport_type = websocketpp::transport::asio::endpoint<transport_config>;
};

using server = websocketpp::server<fast>;

}  // namespace

int main() {
  server all;
  all.init_asio();
  all.set_tcp_post_init_handler([&](websocketpp::connection_hdl handle) {
    all.get_con_from_hdl(handle)->get_raw_socket().set_option(
        websocketpp::lib::asio::ip::tcp::no_delay(true));
  });
  all.set_message_handler([&](websocketpp::connection_hdl handle, server::message_ptr message) {
    websocketpp::lib::error_code ignored;
    all.send(handle, message->get_payload(), message->get_opcode(), ignored);
  });
  websocketpp::lib::asio::error_code failure;
  all.listen(
      websocketpp::lib::asio::ip::tcp::endpoint(websocketpp::lib::asio::ip::address_v4::loopback(), 0));
  all.start_accept();
  std::printf("%u\n", static_cast<unsigned>(all.get_local_endpoint(failure).port()));
  std::fflush(stdout);
  all.run();
}
