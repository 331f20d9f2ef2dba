// What stream/ requires of a blocking byte stream.
#pragma once

#include "../requirements.hpp"

#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>

namespace kindwire {

/// A stream of bytes whose operations block. Both members move at least one byte, or set the error, or
/// (reading only) return 0 without an error at the end of the stream. A stream with a timeout reports it as
/// an error.
///
///     std::size_t read_some(std::span<std::byte>, std::error_code&);
///     std::size_t write_some(std::span<std::byte const>, std::error_code&);
///
/// Two more members are used if present: shutdown_send() ends our side of the stream and leaves the other
/// open, close() ends both.
template <class Stream>
concept blocking_stream = requires(Stream& stream, std::span<std::byte> input,
                                   std::span<std::byte const> output, std::error_code& failure) {
  { stream.read_some(input, failure) } -> std::convertible_to<std::size_t>;
  { stream.write_some(output, failure) } -> std::convertible_to<std::size_t>;
};

namespace detail {

template <class Stream>
void shutdown_send(Stream& stream) {
  if constexpr (requires { stream.shutdown_send(); }) stream.shutdown_send();
}

template <class Stream>
void close_stream(Stream& stream) {
  if constexpr (requires { stream.close(); }) stream.close();
}

// Writes all of `bytes`, however few the stream takes at a time.
template <blocking_stream Stream>
std::error_code write_all(Stream& stream, std::span<std::byte const> bytes) {
  std::error_code failure;
  while (!bytes.empty() && !failure) bytes = bytes.subspan(stream.write_some(bytes, failure));
  return failure;
}

}  // namespace detail

}  // namespace kindwire
