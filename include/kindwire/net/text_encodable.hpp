// What can be sent as a value: the interface between websockets and text encoders.
#pragma once

#include <concepts>

#include "../message/buffer.hpp"

namespace kindwire::net {

/// A value that `ws.send(value)` can write as a TEXT message: `encode_text(buffer&, value)` is found by
/// argument-dependent lookup and appends it, or returns false. The headers of json/ provide it for described
/// structs.
template <class T>
concept text_encodable = requires(buffer& sink, T const& value) {
  { encode_text(sink, value) } -> std::convertible_to<bool>;
};

}  // namespace kindwire::net
