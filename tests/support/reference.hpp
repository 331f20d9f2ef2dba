// RFC 6455 and RFC 3629 once more, slowly and plainly: what the tests compare with.
//
// It takes one byte at a time, keeps everything, and follows the text clause by clause. It shares nothing
// with the code under test but the names of the errors, the opcodes and the roles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <kindwire/error.hpp>
#include <kindwire/frame/opcode.hpp>
#include <kindwire/frame/role.hpp>

#include "bytes.hpp"

namespace support {

/// RFC 3629 §4, as its grammar stands there: each row is one form of UTF8-char, byte by byte.
class reference_utf8 {
 public:
  /// False when no text could go on with this byte.
  bool take(std::byte next) {
    struct range {
      unsigned low, high;
    };
    constexpr range tail{0x80, 0xBF};
    constexpr struct {
      std::size_t size;
      range at[4];
    } forms[] = {
        {1, {{0x00, 0x7F}}},                            // UTF8-1
        {2, {{0xC2, 0xDF}, tail}},                      // UTF8-2
        {3, {{0xE0, 0xE0}, {0xA0, 0xBF}, tail}},        // UTF8-3
        {3, {{0xE1, 0xEC}, tail, tail}},                //
        {3, {{0xED, 0xED}, {0x80, 0x9F}, tail}},        //
        {3, {{0xEE, 0xEF}, tail, tail}},                //
        {4, {{0xF0, 0xF0}, {0x90, 0xBF}, tail, tail}},  // UTF8-4
        {4, {{0xF1, 0xF3}, tail, tail, tail}},          //
        {4, {{0xF4, 0xF4}, {0x80, 0x8F}, tail, tail}},  //
    };
    if (failed_) return false;
    begun_[size_++] = std::to_integer<unsigned>(next);
    for (auto const& form : forms) {
      bool fits = size_ <= form.size;
      for (std::size_t i = 0; fits && i != size_; ++i)
        fits = begun_[i] >= form.at[i].low && begun_[i] <= form.at[i].high;
      if (!fits) continue;
      if (size_ == form.size) size_ = 0;
      return true;
    }
    failed_ = true;
    return false;
  }

  bool whole() const { return size_ == 0 && !failed_; }

 private:
  unsigned begun_[5] = {};
  std::size_t size_ = 0;
  bool failed_ = false;
};

/// How many bytes from the front some valid text could begin with.
inline std::size_t reference_utf8_prefix(std::span<std::byte const> data) {
  reference_utf8 checker;
  for (std::size_t i = 0; i != data.size(); ++i) {
    if (!checker.take(data[i])) return i;
  }
  return data.size();
}

inline bool reference_is_utf8(std::span<std::byte const> data) {
  reference_utf8 checker;
  for (std::byte const each : data) {
    if (!checker.take(each)) return false;
  }
  return checker.whole();
}

/// RFC 6455 §7.4.1 and §7.4.2, with IANA's later registrations 1012 to 1014.
inline bool reference_close_code_may_be_sent(unsigned code) {
  switch (code) {
    case 1000:
    case 1001:
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009:
    case 1010:
    case 1011:
    case 1012:
    case 1013:
    case 1014: return true;
    default: return code / 1000 == 3 || code / 1000 == 4;
  }
}

/// One frame header, RFC 6455 §5.2, fed byte by byte.
class reference_header {
 public:
  bool fin = false;
  unsigned reserved = 0;  ///< RSV1–3 as a number of three bits
  unsigned code = 0;      ///< the opcode
  bool masked = false;
  key mask{};
  std::uint64_t length = 0;

  std::size_t size = 0;  ///< how many bytes were taken
  bool whole = false;
  kindwire::error violation{};

  /// `extension` are the RSV bits with a meaning, as a number of three bits.
  void take(std::byte next, kindwire::role receiver, unsigned extension = 0) {
    unsigned const value = std::to_integer<unsigned>(next);
    std::size_t const place = size++;
    if (place == 0) return take_first(value, extension);
    if (place == 1) return take_second(value, receiver);
    if (place < 2 + extended_) {
      length = length * 256 + value;
      // The most significant bit of a 64-bit length MUST be 0.
      if (extended_ == 8 && place == 2 && value >= 128) violation = kindwire::error::length_too_large;
      // Six bytes of zeros leave at most 65535, whatever follows.
      if (extended_ == 8 && place == 7 && length == 0) violation = kindwire::error::length_not_minimal;
      if (place + 1 == 2 + extended_) {
        // "the minimal number of bytes MUST be used to encode the length"
        if (length < (extended_ == 2 ? 126u : 65536u)) violation = kindwire::error::length_not_minimal;
        whole = !masked && violation == kindwire::error{};
      }
      return;
    }
    mask[place - 2 - extended_] = next;
    whole = place + 1 == 2 + extended_ + 4;
  }

 private:
  void take_first(unsigned value, unsigned extension) {
    fin = value >= 128;
    reserved = value / 16 % 8;
    code = value % 16;
    bool const defined = code == 0 || code == 1 || code == 2 || code == 8 || code == 9 || code == 10;
    if ((reserved & ~extension) != 0) {
      violation = kindwire::error::reserved_bits;
    } else if (!defined) {
      violation = kindwire::error::reserved_opcode;
    } else if (code >= 8 && !fin) {
      violation = kindwire::error::control_frame_fragmented;  // §5.5
    }
  }

  void take_second(unsigned value, kindwire::role receiver) {
    masked = value >= 128;
    length = value % 128;
    if (receiver == kindwire::role::server && !masked) {
      violation = kindwire::error::unmasked_client_frame;  // §5.1
    } else if (receiver == kindwire::role::client && masked) {
      violation = kindwire::error::masked_server_frame;  // §5.1
    } else if (code >= 8 && length > 125) {
      violation = kindwire::error::control_frame_too_long;  // §5.5
    }
    if (length >= 126) {
      extended_ = length == 126 ? 2 : 8;
      length = 0;
    } else {
      whole = !masked && violation == kindwire::error{};
    }
  }

  std::size_t extended_ = 0;
};

/// What came: a message, or a control frame that was not the end.
struct reference_event {
  kindwire::opcode type{};
  bytes payload;
  bool operator==(reference_event const&) const = default;
};

/// One end of a connection that only receives.
class reference_receiver {
 public:
  explicit reference_receiver(kindwire::role self,
                              std::uint64_t max_message_size = std::numeric_limits<std::uint64_t>::max(),
                              std::uint64_t max_fragments = std::numeric_limits<std::uint64_t>::max())
      : self_(self), max_message_size_(max_message_size), max_fragments_(max_fragments) {}

  std::vector<reference_event>
      events;                   ///< TEXT, BINARY, PING and PONG in the order in which they became whole
  kindwire::error violation{};  ///< the first rule that was broken; nothing is taken after it
  bool closed = false;          ///< a valid Close came; nothing is taken after it
  unsigned close_code = 1006;
  bytes close_reason;
  std::size_t taken = 0;  ///< bytes up to and including the one that broke the rule or ended the Close

  void take(std::span<std::byte const> input) {
    for (std::byte const each : input) take(each);
  }

  void take(std::byte next) {
    if (closed || violation != kindwire::error{}) return;
    ++taken;
    if (!header_.whole) {
      header_.take(next, self_);
      violation = header_.violation;
      if (violation != kindwire::error{} || !header_.whole) return;
      payload_.clear();
      if (header_.code < 8) begin_data_frame();
    } else {
      payload_.push_back(header_.masked ? next ^ header_.mask[payload_.size() % 4] : next);
      if (header_.code < 8) {
        // §8.1, at the first byte that makes the text invalid.
        if (text_ && !utf8_.take(payload_.back())) violation = kindwire::error::invalid_utf8;
      }
    }
    if (violation != kindwire::error{} || payload_.size() != header_.length) return;
    if (header_.code < 8) {
      end_data_frame();
    } else {
      end_control_frame();
    }
    header_ = reference_header{};
  }

 private:
  void begin_data_frame() {
    if (header_.code == 0) {
      if (!inside_) violation = kindwire::error::unexpected_continuation;  // §5.4
    } else {
      if (inside_) violation = kindwire::error::expected_continuation;  // §5.4
      if (violation != kindwire::error{}) return;
      inside_ = true;
      text_ = header_.code == 1;
      utf8_ = reference_utf8{};
      message_.clear();
      frames_ = 0;
    }
    if (violation != kindwire::error{}) return;
    ++frames_;
    if (header_.length > max_message_size_ || max_message_size_ - header_.length < message_.size()) {
      violation = kindwire::error::message_too_large;
    } else if (frames_ > max_fragments_) {
      violation = kindwire::error::too_many_fragments;
    }
  }

  void end_data_frame() {
    message_ += payload_;
    if (!header_.fin) return;
    inside_ = false;
    if (text_ && !utf8_.whole()) {
      violation = kindwire::error::invalid_utf8;
    } else {
      events.push_back({text_ ? kindwire::opcode::text : kindwire::opcode::binary, message_});
    }
  }

  void end_control_frame() {
    if (header_.code != 8) {
      events.push_back({static_cast<kindwire::opcode>(header_.code), payload_});
      return;
    }
    // §5.5.1, §7.1.5
    unsigned code = 1005;
    if (payload_.size() == 1) {
      violation = kindwire::error::close_body_too_short;
    } else if (payload_.size() >= 2) {
      code = std::to_integer<unsigned>(payload_[0]) * 256 + std::to_integer<unsigned>(payload_[1]);
      bytes const reason(payload_.begin() + 2, payload_.end());
      if (!reference_close_code_may_be_sent(code)) {
        violation = kindwire::error::close_code_invalid;
      } else if (!reference_is_utf8(reason)) {
        violation = kindwire::error::invalid_utf8;
      } else {
        close_reason = reason;
      }
    }
    if (violation != kindwire::error{}) return;
    closed = true;
    close_code = code;
  }

  kindwire::role self_;
  std::uint64_t max_message_size_;
  std::uint64_t max_fragments_;
  reference_header header_;
  bytes payload_;  // of the current frame, unmasked
  bytes message_;  // of the current message's frames so far
  std::uint64_t frames_ = 0;
  bool inside_ = false;
  bool text_ = false;
  reference_utf8 utf8_;
};

}  // namespace support
