// What can be sent as a value: the interface between websockets and text encoders.
#pragma once

#include <concepts>
#include <system_error>

#include "../error.hpp"
#include "../message/buffer.hpp"

namespace kindwire::net {

/// A value that `ws.send(value)` can write as a TEXT message: `encode_text(buffer&, value)` is found by
/// argument-dependent lookup and appends it, or returns false. `encode_text(buffer&, value,
/// std::error_code&)`, if it is found as well, is preferred: it also says why. The headers of json/ provide
/// both for described structs.
template <class T>
concept text_encodable = requires(buffer& sink, T const& value) {
  { encode_text(sink, value) } -> std::convertible_to<bool>;
};

namespace detail {

// Why the value cannot be encoded, or no error.
template <text_encodable T>
std::error_code encode_value(buffer& sink, T const& value) {
  std::error_code why = error::invalid_argument;
  if constexpr (requires {
                  { encode_text(sink, value, why) } -> std::convertible_to<bool>;
                }) {
    return encode_text(sink, value, why) ? std::error_code{} : why;
  } else {
    return encode_text(sink, value) ? std::error_code{} : why;
  }
}

}  // namespace detail

}  // namespace kindwire::net
