// What a program hangs into a client's way to a server, and the socket options that go before it.
#pragma once

#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <memory>
#include <new>
#include <system_error>

#include "../../error.hpp"
#include "../connect_options.hpp"
#include "../secure_layer.hpp"

namespace kindwire::net::detail {

// Runs it; the error is that of an exception. Only std::bad_alloc is passed on.
template <class Hook>
std::error_code run_hook(Hook hook) {
  try {
    hook();
    return {};
  } catch (std::bad_alloc const&) {
    throw;
  } catch (std::system_error const& failure) {
    if (failure.code()) return failure.code();
  } catch (...) {}
  return std::make_error_code(std::errc::operation_canceled);
}

// TLS as the program has it, if no layer was given.
inline std::error_code need(std::shared_ptr<secure_layer const>& layer) {
  if (layer) return {};
  if (default_secure_layer() == nullptr) return error::tls_unavailable;
  return run_hook([&] { layer = default_secure_layer()(); });
}

// Makes a socket ready to be connected to `to`.
inline std::error_code prepare(asio::ip::tcp::socket& socket, asio::ip::tcp::endpoint const& to,
                               connect_options const& options) {
  std::error_code failure = options.interface_name.bind(socket);
  auto const& from = options.local_address;
  if (!failure && !from.is_unspecified()) {
    if (from.is_v4() != to.address().is_v4()) return asio::error::address_family_not_supported;
    socket.bind({from, 0}, failure);
  }
  if (!failure && options.on_socket) failure = run_hook([&] { options.on_socket(socket); });
  return failure;
}

}  // namespace kindwire::net::detail
