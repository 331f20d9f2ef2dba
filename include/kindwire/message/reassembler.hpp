// Messages out of frames, RFC 6455 §5.4: fragments are gathered, a whole unfragmented message stays where it
// lies.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <system_error>

#include "../error.hpp"
#include "../frame/decoder.hpp"
#include "buffer.hpp"
#include "message.hpp"
#include "utf8.hpp"

namespace kindwire {

/// The limits of a reassembler. RFC 6455 §10.4 wants both to exist.
struct reassembler_options {
  std::size_t max_message_size = std::size_t{1} << 20;  ///< in bytes: what a peer can make us hold
  std::size_t max_fragments = 4096;  ///< frames in one message: what a peer can make us count
};

/// Gathers the data frames of one connection into messages. Control frames do not belong here.
///
/// Limits act on what a header declares, before any of its payload is there; memory is allocated only for
/// what has arrived. Text is checked as it comes and fails at its first impossible byte (RFC 6455 §8.1), also
/// in the middle of a frame. Not thread safe. After an error it takes nothing more.
class reassembler {
 public:
  explicit reassembler(reassembler_options options = {}) noexcept : options_(options) {
    // What no buffer could ever hold is too large even without a limit.
    options_.max_message_size =
        std::min(options_.max_message_size, std::numeric_limits<std::size_t>::max() / 4);
  }

  /// Takes the next piece of a TEXT, BINARY or CONTINUATION frame. Returns the message once it is whole;
  /// false when it is not, or when a rule is broken: see error().
  ///
  /// The view lies in the chunk's own input when the message came in one piece, else in here. It is valid
  /// until the next call of add() or release(), and as long as that input.
  message add(frame_chunk const& chunk) {
    if (violation_ != kindwire::error{}) return {};
    if (delivered_) release();
    frame_header const& header = *chunk.header;
    if (chunk.first && !begin_frame(header)) return {};

    if (type_ == message_type::text) {
      if (!(chunk.ascii && text_.complete()) && !text_.feed(chunk.payload)) return fail(error::invalid_utf8);
      if (chunk.last && header.fin && !text_.complete()) return fail(error::invalid_utf8);
    }

    bool const whole = chunk.last && header.fin;
    if (whole && gathered_.empty()) {
      message const result{type_, chunk.payload};
      end_message();
      return result;
    }
    gathered_.append(chunk.payload);
    if (!whole) return {};
    message const result{type_, gathered_.bytes()};
    end_message();
    return result;
  }

  /// The rule that the peer broke, or no error.
  std::error_code error() const noexcept {
    return violation_ == kindwire::error{} ? std::error_code{} : make_error_code(violation_);
  }

  /// True between the first and the last fragment of a message.
  bool inside_message() const noexcept { return inside_; }

  /// Gives the storage of the last gathered message back; its view ends here. Does nothing inside a message.
  void release() noexcept {
    if (!delivered_) return;
    delivered_ = false;
    gathered_.release();
  }

 private:
  bool begin_frame(frame_header const& header) noexcept {
    if (header.type == message_type::continuation) {
      if (!inside_) return fail(error::unexpected_continuation), false;
    } else {
      if (inside_) return fail(error::expected_continuation), false;
      inside_ = true;
      type_ = header.type;
      declared_ = 0;
      fragments_ = 0;
      text_.reset();
    }
    // Written so that it cannot overflow, whatever a header declares.
    if (header.length > options_.max_message_size - declared_) return fail(error::message_too_large), false;
    declared_ += static_cast<std::size_t>(header.length);
    if (fragments_ == options_.max_fragments) return fail(error::too_many_fragments), false;
    ++fragments_;
    return true;
  }

  void end_message() noexcept {
    inside_ = false;
    delivered_ = true;
  }

  message fail(kindwire::error value) noexcept {
    violation_ = value;
    gathered_.release();
    return {};
  }

  reassembler_options options_;
  buffer gathered_;
  std::size_t declared_ = 0;  // payload bytes that the headers of this message announced so far
  std::size_t fragments_ = 0;
  utf8_validator text_;
  message_type type_ = message_type::binary;
  bool inside_ = false;
  bool delivered_ = false;
  kindwire::error violation_{};
};

}  // namespace kindwire
