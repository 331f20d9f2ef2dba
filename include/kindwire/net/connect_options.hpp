// The options of a connection that we open, with their defaults and the reasons for them.
#pragma once

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../handshake/client.hpp"
#include "../handshake/cookies.hpp"
#include "../handshake/head.hpp"
#include "../handshake/headers.hpp"
#include "../handshake/response.hpp"
#include "connect_error.hpp"
#include "network_interface.hpp"
#include "observer.hpp"
#include "options.hpp"
#include "proxy.hpp"
#include "secure_layer.hpp"

namespace kindwire::net {

/// The options of a connection that we open.
///
/// g++ 12 rejects braced lists, such as subprotocols and headers, inside a co_await expression ("array used
/// as initializer"): build a client beforehand, which keeps them.
struct connect_options {
  std::vector<std::string> subprotocols = {};  ///< distinct tokens, in order of preference (RFC 6455 §1.9)
  /// Other fields of the request, such as cookies or Authorization. A Host here replaces the one made from
  /// the URI.
  header_list headers = {};
  // No string: g++ 12 copies the bytes of an argument in a co_await expression.
  std::string_view origin = {};        ///< only for programs that act as a browser does
  head_limits head = {};               ///< of the response
  std::size_t max_body = 65536;        ///< bytes kept of the body of a refusal
  connection_options connection = {};  ///< limits and timeouts of the websocket
  /// In total: resolving, connecting, a proxy, TLS, handshake and redirects.
  std::chrono::milliseconds handshake_timeout{10000};
  /// From the head of a refusal to the end of its body. A server that never ends the body must not turn the
  /// refusal into a timeout.
  std::chrono::milliseconds body_timeout{1000};
  std::shared_ptr<net::observer> observer = {};  ///< is told of the connection: see observer.hpp

  // Only for connect(), which finds the server by itself.
  /// For one address. The others do not wait for that: each is tried 250 ms after the one before, or as soon
  /// as that fails, with the families in turn (RFC 8305). With socks5:// this is for an address of the proxy,
  /// which is then asked for the server's: each as soon as the one before is refused, or beside it after this
  /// time, on a connection of its own, until one is reached or handshake_timeout has passed.
  std::chrono::milliseconds connect_timeout{5000};
  asio::ip::address local_address = {};  ///< to connect from; unspecified for the system's choice
  network_interface interface_name = {};
  /// Called for each socket between open() and connect(), to set options such as SO_KEEPALIVE. If it throws,
  /// that address is passed over: with the code of a std::system_error, else std::errc::operation_canceled.
  std::function<void(asio::ip::tcp::socket&)> on_socket = {};
  /// Asked for the addresses of a host before the system is; an empty answer leaves it to that. If it throws,
  /// as above.
  std::function<std::vector<asio::ip::address>(std::string_view host)> addresses = {};
  net::proxy proxy = {};  ///< to go through; none by default, not even that of the environment
  /// How many redirects (301, 302, 303, 307, 308) are followed; a refusal like any other by default. None
  /// from wss to ws is. On the way to another origin, which wss on the same host is to ws, the fields
  /// Authorization, Cookie, Host and Proxy-… are left out, and credentials of the URI and of `authorize` with
  /// them, for good; other fields go along. With a `tls` that shows our certificate, or verifies nothing,
  /// such a redirect is refused.
  unsigned redirects = 0;
  /// TLS for wss://. By default the system's certificates are trusted, if the program includes
  /// kindwire/tls/client.hpp, which also makes others.
  std::shared_ptr<secure_layer const> tls = {};
  std::shared_ptr<secure_layer const> proxy_tls = {};  ///< the same for proxies over TLS

  // For connect() and handshake().
  /// Asked before each request for the value of Authorization, such as `Bearer …`; it replaces one in
  /// `headers` and the URI's credentials, unless it is empty. If it throws, as above.
  std::function<std::string()> authorize = {};
  /// Keeps the cookies that servers set on the way, for the next request to the same origin: of one
  /// connect(), or of all that share the jar.
  std::shared_ptr<cookie_jar> cookies = {};

  /// Receives why and where it failed. Must live as long as the operation.
  connect_failure* failure = nullptr;
  /// Receives the server's answer if the handshake fails after one arrived: see connect_error::answer(). Must
  /// live as long as the operation.
  response* refusal = nullptr;

  /// The options of the protocol itself.
  client_options handshake() const {
    return {.subprotocols = subprotocols,
            .origin = origin,
            .headers = headers,
            .limits = head,
            .max_body = max_body,
            .compression = connection.compression};
  }
};

}  // namespace kindwire::net
