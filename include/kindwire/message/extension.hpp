// What an extension does to the messages of one connection, RFC 6455 §9: the seam between it and the session.
#pragma once

#include "../requirements.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "../error.hpp"
#include "buffer.hpp"
#include "message.hpp"

namespace kindwire {

/// Whether an extension may transform a message that is sent. `no` sends it as it is: for a secret that must
/// not be compressed beside what an attacker chooses, or what is known to be compressed already.
enum class compress : std::uint8_t { no, yes };

/// Encodes whole messages, each without regard to any other, so that one encoding serves several connections.
/// Thread safe.
class message_encoder {
 public:
  message_encoder() = default;
  message_encoder(message_encoder const&) = delete;
  message_encoder& operator=(message_encoder const&) = delete;
  virtual ~message_encoder() = default;

  /// Appends the payload, transformed, to `to`. False if it is better sent as it is, nothing if it is to be
  /// sent so this time, for want of memory; `to` is then undefined behind its old end. May throw
  /// std::bad_alloc.
  virtual std::optional<bool> encode(message_type type, std::span<std::byte const> payload,
                                     buffer& to) const = 0;
};

/// An extension at work on one connection: it transforms the payload of whole messages, and marks those that
/// it has transformed by RSV bits on their first frame (RFC 6455 §5.2). The session deals with everything
/// else: frames and fragments, control frames, UTF-8, and the limit on a message's size.
///
/// Each direction is a sequence of messages. A message is unfinished from the first call for it to the call
/// that ends it. An extension belongs to one connection; not thread safe.
class message_extension {
 public:
  message_extension(message_extension const&) = delete;
  message_extension& operator=(message_extension const&) = delete;
  virtual ~message_extension() = default;

  /// The RSV bits that mark a message, where they stand in the first byte: 0x40 RSV1, 0x20 RSV2, 0x10 RSV3.
  std::uint8_t reserved_bits() const noexcept { return reserved_bits_; }

  // Receiving.

  /// The most bytes that a message of `size` bytes may take in so many frames: what declares more is not
  /// read. Does not overflow.
  virtual std::size_t longest_encoding(std::size_t size, std::size_t frames) const noexcept = 0;

  /// Decodes a part of a message that arrives: takes bytes off the front of `input`, and moves the front of
  /// `room` past what it has written there. Ends when all of the input and all that follows from it is
  /// written, and `room`, which is not empty at first, has bytes left; or when `room` is full, and must then
  /// be called again with what is left of the input and more room. `last`: the message ends with this input.
  ///
  /// Anything but error{} fails the connection, and is not followed by another call.
  virtual error decode(std::span<std::byte const>& input, std::span<std::byte>& room, bool last) = 0;

  /// No more is to be decoded: the connection has failed, or is over.
  virtual void stop_decoding() noexcept {}

  // Sending.

  /// Appends the payload of one data frame, transformed, to `to`. False if it is to be sent as it is; `to` is
  /// then undefined behind its old end. TEXT and BINARY begin a message, CONTINUATION goes on with it, `fin`
  /// ends it; whether it is transformed is decided for the message as a whole, by its first frame.
  ///
  /// If it throws std::bad_alloc the frame is not sent, and the extension is ready for another attempt.
  virtual bool encode(message_type type, std::span<std::byte const> payload, bool fin, compress how,
                      buffer& to) = 0;

  /// Makes payloads that this connection may send, marked, as messages; connections with the same one may
  /// send the same. Null if what encode() makes depends on the messages before.
  virtual std::shared_ptr<message_encoder const> encoder() const noexcept { return nullptr; }

  // Resources.

  /// Bytes of memory that it holds for this connection, besides itself.
  virtual std::size_t memory() const noexcept { return 0; }

  /// For every 20 s or so: gives back what it can do without and has not used since the last call.
  virtual void rest() noexcept {}

 protected:
  explicit message_extension(std::uint8_t reserved_bits) noexcept : reserved_bits_(reserved_bits) {}

 private:
  std::uint8_t const reserved_bits_;
};

}  // namespace kindwire
