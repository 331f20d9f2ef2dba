// The connection of a server's stream whose opening handshake is done.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/io_context.hpp>
#include <asio/query.hpp>
#include <memory>
#include <system_error>
#include <utility>

#include "../../frame/role.hpp"
#include "../epoll/epoll_transport.hpp"
#include "../epoll/shared_epoll_set.hpp"
#include "../options.hpp"
#include "connection.hpp"
#include "stream_transport.hpp"
#include "target_of.hpp"

namespace kindwire::net::detail {

#if defined(KINDWIRE_HAS_EPOLL_SET)
// Null if no descriptor is left for it; Asio's reactor needs none.
template <class Set>
Set* epoll_set_of(asio::io_context::executor_type const& executor) {
  try {
    return &Set::of(asio::query(executor, asio::execution::context));
  } catch (std::system_error const&) {
    return nullptr;
  }
}

// What becomes of a stream that can leave Asio's reactor: a socket, and one over a socket that says so.
template <class Stream>
requires requires(Stream& stream, std::error_code failure) {
  typename Stream::protocol_type;
  stream.release(failure);
}
socket_wire wire_of(Stream& stream, std::error_code& failure) {
  stream.non_blocking(true, failure);
  return socket_wire(stream.release(failure));
}
template <class Stream>
requires requires(Stream& stream, std::error_code failure) { stream.release_wire(failure); }
auto wire_of(Stream& stream, std::error_code& failure) { return stream.release_wire(failure); }

template <class Connection, class Stream>
std::shared_ptr<connection> take_over(std::shared_ptr<Connection> result, Stream& stream) {
  std::error_code failure;
  auto wire = wire_of(stream, failure);
  if (failure) return nullptr;
  result->over().take(std::move(wire));
  return result;
}
#endif

// Takes the stream. Null if it is gone: a deadline may have expired in the meantime. May throw
// std::bad_alloc.
template <class Stream>
std::shared_ptr<connection> connection_of(Stream& stream, asio::any_io_executor const& executor,
                                          [[maybe_unused]] bool one_thread,
                                          std::shared_ptr<connection_options const> options) {
#if defined(KINDWIRE_HAS_EPOLL_SET)
  // A socket of an io_context waits in an epoll set of ours instead of Asio's reactor.
  if constexpr (requires(std::error_code failure) { wire_of(stream, failure); }) {
    using wire = decltype(wire_of(stream, std::declval<std::error_code&>()));
    auto const* const strand = target_of<shared_epoll_set::strand>(executor);
    if (one_thread) {
      auto const* const io = target_of<asio::io_context::executor_type>(executor);
      if (auto* const set = epoll_set_of<epoll_set>(*io))
        return take_over(std::make_shared<epoll_connection<epoll_set, wire>>(role::server, options, *set),
                         stream);
    } else if (strand != nullptr) {
      if (auto* const set = epoll_set_of<shared_epoll_set>(strand->get_inner_executor()))
        return take_over(
            std::make_shared<epoll_connection<shared_epoll_set, wire>>(role::server, options, *set, *strand),
            stream);
    }
  }
#else
  (void)executor;
#endif
  return std::make_shared<stream_connection<Stream>>(role::server, std::move(options), std::move(stream));
}

}  // namespace kindwire::net::detail
