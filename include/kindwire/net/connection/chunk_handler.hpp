// What takes a chunk where a connection completes a receive with a message.
#pragma once

#include "../requirements.hpp"

#include <asio/associator.hpp>
#include <system_error>
#include <utility>

#include "../../message/chunk.hpp"
#include "../../message/message.hpp"

namespace kindwire::net::detail {

// As large as the handler alone, with its executor, allocator and cancellation slot.
template <class Handler>
struct chunk_handler {
  Handler handler;

  void operator()(std::error_code failure, message part) { std::move(handler)(failure, message_chunk{part}); }
};

}  // namespace kindwire::net::detail

template <template <typename, typename> class Associator, class Handler, class Default>
struct asio::associator<Associator, kindwire::net::detail::chunk_handler<Handler>, Default>
    : Associator<Handler, Default> {
  using of = kindwire::net::detail::chunk_handler<Handler>;

  static typename Associator<Handler, Default>::type get(of const& from) noexcept {
    return Associator<Handler, Default>::get(from.handler);
  }
  static auto get(of const& from, Default const& otherwise) noexcept
      -> decltype(Associator<Handler, Default>::get(from.handler, otherwise)) {
    return Associator<Handler, Default>::get(from.handler, otherwise);
  }
};
