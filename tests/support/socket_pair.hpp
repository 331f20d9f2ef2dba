// Two connected stream sockets: Unix sockets, or TCP over the loopback interface on Windows, which has no
// pairs.
#pragma once

#if defined(_WIN32)
#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/ip/tcp.hpp>
#else
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#endif

namespace support {

#if defined(_WIN32)
using pair_protocol = asio::ip::tcp;

template <class Executor>
void connect_pair(asio::basic_stream_socket<pair_protocol, Executor>& one,
                  asio::basic_stream_socket<pair_protocol, Executor>& two) {
  asio::basic_socket_acceptor<pair_protocol, Executor> acceptor(one.get_executor(),
                                                                {asio::ip::address_v4::loopback(), 0});
  one.connect(acceptor.local_endpoint());
  acceptor.accept(two);
  one.set_option(pair_protocol::no_delay(true));
  two.set_option(pair_protocol::no_delay(true));
}
#else
using pair_protocol = asio::local::stream_protocol;
using asio::local::connect_pair;
#endif

}  // namespace support
