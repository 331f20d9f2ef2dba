// Boost.Beast's echo server over TLS, by Beast's own stream over OpenSSL, which puts header and payload into
// one record.
//
//     tls_beast coroutine|callback
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <utility>

#include "beast_handlers.hpp"
#include "tls_identity.hpp"

int main(int, char** values) {
  boost::asio::ssl::context with{boost::asio::ssl::context::tls_server};
  bench::identify(with.native_handle());
  bench::serve(values[1], [&](bench::socket fresh) {
    return boost::beast::ssl_stream<bench::socket>(std::move(fresh), with);
  });
}
