// A message from a file, a generator or whatever else gives bytes a piece at a time, in bounded memory.
//
//     std::ifstream file(path, std::ios::binary);
//     co_await kw::net::send_from(ws, kw::message_type::binary, [&](std::span<std::byte> room) {
//       file.read(reinterpret_cast<char*>(room.data()), static_cast<std::streamsize>(room.size()));
//       return static_cast<std::size_t>(file.gcount());
//     });
#pragma once

#include "requirements.hpp"

#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>
#include <type_traits>

#include "../error.hpp"
#include "../message/buffer.hpp"
#include "../message/close.hpp"
#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "connection/awaiting.hpp"
#include "websocket.hpp"

namespace kindwire::net {

/// Fills the front of the room it is given, returns how many bytes that is, and 0 at the end. It may return
/// an awaitable of that number instead: an Asio stream's async_read_some() with asio::use_awaitable, say,
/// which tells the end by throwing asio::error::eof; whatever throws that must not have read anything.
template <class T>
concept byte_source = std::invocable<T&, std::span<std::byte>> &&
    (std::convertible_to<std::invoke_result_t<T&, std::span<std::byte>>, std::size_t> ||
     std::same_as<std::invoke_result_t<T&, std::span<std::byte>>, asio::awaitable<std::size_t>>);

/// Sends one TEXT or BINARY message of all that `source` gives, whose length need not be known: in fragments
/// of up to 64 KiB, and an empty last one (RFC 6455 §5.4). The next is read when the queue is at most
/// send_queue_soft bytes long, which bounds the memory. A code point of a TEXT may lie in two pieces.
///
/// Errors, thrown: those of websocket::send_fragment(); invalid_argument if the source returns more than it
/// was given room for. If the source throws, or this is cancelled, once a fragment was queued, the message
/// cannot be completed, and must not be taken for a whole one: the connection is closed with 1011, and the
/// exception goes on. The websocket must outlive this; what else may be sent meanwhile is said at
/// websocket::send_fragment().
template <byte_source Source>
asio::awaitable<void> send_from(websocket& ws, message_type type, Source source,
                                compress how = compress::yes) {
  constexpr std::size_t piece = std::size_t{64} << 10;
  bool begun = false;
  try {
    buffer block;
    auto const room = block.prepare(piece).first(piece);
    for (bool more = true; more;) {
      std::size_t size = 0;
      try {
        if constexpr (std::convertible_to<decltype(source(room)), std::size_t>) {
          size = source(room);
        } else {
          size = co_await source(room);
        }
      } catch (std::system_error const& thrown) {
        if (thrown.code() != asio::error::eof) throw;
      }
      if (size > room.size()) throw std::system_error(make_error_code(error::invalid_argument));
      more = size != 0;
      auto const part = begun ? message_type::continuation : type;
      if (auto const failure = ws.try_send_fragment(part, room.first(size), !more, how))
        throw std::system_error(failure);
      begun = more;
      co_await detail::await_drained(detail::websocket_access::state(ws), {});
    }
  } catch (...) {
    if (begun) ws.try_close(close_code::internal_error);
    throw;
  }
}

}  // namespace kindwire::net
