// Messages out of frames, RFC 6455 §5.4: fragments are gathered, an unfragmented message stays where it lies.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <system_error>

#include "../error.hpp"
#include "../frame/decoder.hpp"
#include "buffer.hpp"
#include "chunk.hpp"
#include "extension.hpp"
#include "message.hpp"
#include "utf8.hpp"

namespace kindwire {

/// The limits of a reassembler. RFC 6455 §10.4 wants both to exist.
struct reassembler_options {
  std::size_t max_message_size = std::size_t{1} << 20;  ///< in bytes: what a peer can make us hold
  std::size_t max_fragments = 4096;  ///< frames in one message, at least 1: what a peer can make us count

  /// In bytes, of a message that is handed on in parts. If it is not 0, only empty frames of such a message
  /// count towards max_fragments. 0: both limits are those of a whole message.
  std::uint64_t max_streamed_size = 0;
};

/// Gathers the data frames of one connection into messages. Control frames do not belong here.
///
/// Limits act on what a header declares, before any of its payload is there; memory is allocated only for
/// what has arrived. Text is checked as it comes and fails at its first impossible byte (RFC 6455 §8.1), also
/// in the middle of a frame. Not thread safe. After an error it takes nothing more.
///
/// With an extension, messages that it has marked are decoded as they come; all limits but max_fragments are
/// about what they decode to.
///
/// A message that is larger than memory is handed on in parts, of which nothing is gathered.
class reassembler {
 public:
  /// `extension` may be null, and must live as long as this.
  explicit reassembler(reassembler_options options = {}, message_extension* extension = nullptr) noexcept
      : options_(options), extension_(extension) {
    // What no buffer could ever hold is too large even without a limit.
    options_.max_message_size =
        (std::min)(options_.max_message_size, (std::numeric_limits<std::size_t>::max)() / 4);
    options_.max_fragments = (std::max)(options_.max_fragments, std::size_t{1});
    streams_ = options_.max_streamed_size != 0;
    if (!streams_) options_.max_streamed_size = options_.max_message_size;
    // So that one more can be counted; no stream is as long.
    options_.max_streamed_size =
        (std::min)(options_.max_streamed_size, (std::numeric_limits<std::uint64_t>::max)() / 4);
  }

  /// Takes the next piece of a TEXT, BINARY or CONTINUATION frame, unmasked. Returns the message once it is
  /// whole; false when it is not, or when a rule is broken: see error().
  ///
  /// The view lies in the chunk's own input when the message came as it is in one piece, else in here. It is
  /// valid until the next call of add() or release(), and as long as that input.
  message add(frame_chunk const& chunk) {
    return add(chunk,
               [this](frame_chunk const& piece, bool text) { return !text || text_.feed(piece.payload); });
  }

  /// The same for a piece as basic_frame_decoder::take() gives it: it is unmasked where it lies, and text is
  /// checked in the same pass.
  message unmask_and_add(frame_chunk const& chunk) {
    return add(chunk, [this](frame_chunk const& piece, bool text) { return unmask(piece, text); });
  }

  /// The same for a message that is handed on in parts, as they come: the result is one of them, see
  /// detail::part_of_message. Of an encoded message less than the whole piece may be taken: `chunk` is then
  /// cut down to what was, and the rest must follow as the next piece.
  ///
  /// A message that add() has begun goes on like this once pass_gathered() has given out what it holds.
  message unmask_and_pass(frame_chunk& chunk) {
    if (violation_ != kindwire::error{}) return {};
    release();
    frame_header const& header = *chunk.header;
    if (chunk.first && !begin_frame(header, true)) return {};
    if (encoded_) return pass_decoded(chunk);
    bool const text = type_ == message_type::text;
    bool const whole = chunk.last && header.fin;
    if (!unmask(chunk, text) || (whole && text && !text_.complete())) return fail(error::invalid_utf8);
    return chunk.payload.empty() && !whole ? message{} : pass(chunk.payload, whole);
  }

  /// What add() has gathered of an unfinished message, as its first part; false if that is nothing. It is
  /// valid until the next call of unmask_and_pass() or release().
  message pass_gathered() noexcept {
    if (!inside_ || passes_ || gathered_.empty()) return {};
    decoded_ = gathered_.size();
    return pass(gathered_.bytes(), false);
  }

  /// True between the first and the last part of a message.
  bool in_parts() const noexcept { return passes_; }

  /// Unmasks a message in one frame, as basic_frame_decoder::take_whole() gives it, where it lies: then its
  /// payload is the message. False when a rule is broken. Only between messages, before error().
  bool unmask(whole_frame const& frame) noexcept {
    auto const payload = frame.payload;
    if (payload.size() > options_.max_message_size) return fail(error::message_too_large), false;
    if (frame.type == message_type::text) {
      if (!detail::unmask_whole_text(payload, frame.word)) return fail(error::invalid_utf8), false;
    } else if (frame.word != 0) {
      detail::mask_run(payload.data(), payload.data(), payload.size(), frame.word);
    }
    return true;
  }

  /// The rule that the peer broke, or no error.
  std::error_code error() const noexcept {
    return violation_ == kindwire::error{} ? std::error_code{} : make_error_code(violation_);
  }

  /// True between the first and the last fragment of a message.
  bool inside_message() const noexcept { return inside_; }

  /// True inside a message that the extension has marked: its payload must be decoded.
  bool inside_encoded() const noexcept { return inside_ && encoded_; }

  /// True when it holds nothing: no part of an unfinished message, and no message that was given out.
  bool empty() const noexcept { return !inside_ && gathered_.capacity() == 0; }

  /// True if enough of the message has come to justify prepare(size): at most twice as much room as that is
  /// added. Otherwise a peer that declares much and sends little would cost us the room of a large read for
  /// as long as it likes.
  bool may_reserve(std::size_t size) const noexcept {
    return gathered_.spare() >= size || gathered_.size() >= size / 2;
  }

  /// Room behind what was gathered, at least `size` bytes, for callers that read the payload of the current
  /// frame straight into it, so that it need not be moved. What was read is then added like any other piece,
  /// before another call. Only inside a message that is not encoded.
  std::span<std::byte> prepare(std::size_t size) {
    reuse_block_for(size);
    return gathered_.prepare(size, declared());
  }

  /// Gives the storage of the last gathered message or part back, which ends its view. Does nothing inside a
  /// message that is not handed on in parts.
  void release() noexcept {
    if (!delivered_) return;
    delivered_ = false;
    gathered_.release();
  }

 private:
  // `take` checks a piece, and returns false if it breaks a rule.
  template <class Take>
  message add(frame_chunk const& chunk, Take take) {
    if (violation_ != kindwire::error{}) return {};
    if (delivered_) release();
    frame_header const& header = *chunk.header;
    if (chunk.first && !begin_frame(header, false)) return {};

    bool const text = type_ == message_type::text;
    bool const whole = chunk.last && header.fin;
    if (encoded_) [[unlikely]] {
      take(chunk, false);
      return decode(chunk, whole);
    }
    if (!take(chunk, text)) return fail(error::invalid_utf8);
    if (whole && text && !text_.complete()) return fail(error::invalid_utf8);

    if (whole && gathered_.empty()) {
      message const result{type_, chunk.payload};
      end_message();
      return result;
    }
    gather(chunk.payload);
    if (!whole) return {};
    message const result{type_, gathered_.bytes()};
    end_message();
    return result;
  }

  // Memory is taken only for what the input has already turned out to hold.
  message decode(frame_chunk const& chunk, bool whole) {
    bool const text = type_ == message_type::text;
    std::span<std::byte const> input = chunk.payload;
    if (input.empty() && !whole) return {};
    // Nothing more may follow when the block is full, or the message is as large as it may be.
    std::array<std::byte, 256> beyond;
    for (;;) {
      std::size_t const left = options_.max_message_size - gathered_.size();
      if (gathered_.capacity() == 0 && left != 0) begin_decoding(input.size());
      bool const full = left == 0 || gathered_.spare() == 0;
      auto const room = full ? std::span<std::byte>{beyond} : gathered_.prepare(0);
      auto const usable = room.first((std::min)(room.size(), (std::max)(left, std::size_t{1})));
      std::span<std::byte> rest = usable;
      kindwire::error const wrong = extension_->decode(input, rest, whole);
      // What was written before something went wrong comes first, so that the error is the same at any split.
      auto const made = usable.first(usable.size() - rest.size());
      if (made.size() > left) return fail(error::message_too_large);
      if (text && !text_.feed(made)) return fail(error::invalid_utf8);
      if (wrong != kindwire::error{}) return fail(wrong);
      if (full && swells(chunk, input.size())) gathered_.grow_to(options_.max_message_size);
      full ? gathered_.append(made, options_.max_message_size) : gathered_.commit(made.size());
      if (!rest.empty()) break;
    }
    if (!whole) return {};
    if (text && !text_.complete()) return fail(error::invalid_utf8);
    message const result{type_, gathered_.bytes()};
    end_message();
    return result;
  }

  // A part of an encoded message: 64 KiB or a little more. It is decoded from so few bytes at a time that
  // even those of a bomb (DEFLATE makes 1,032 bytes of one at most) add no more than a few hundred KiB to
  // that.
  message pass_decoded(frame_chunk& chunk) {
    constexpr std::size_t usual_part = std::size_t{64} << 10;
    constexpr std::size_t step = 256;
    auto const offered = chunk.payload;
    bool const ends = chunk.last && chunk.header->fin;
    if (offered.empty() && !ends) return {};
    gathered_.prepare((std::clamp)(offered.size() * 4, step, usual_part));
    frame_chunk piece = chunk;
    std::size_t taken = 0;
    do {
      piece.payload = offered.subspan(taken, (std::min)(offered.size() - taken, step));
      piece.offset = chunk.offset + taken;
      unmask(piece, false);
      taken += piece.payload.size();
      if (!decode_on(piece.payload, ends && taken == offered.size())) return {};
    } while (taken != offered.size() && gathered_.size() < usual_part);
    bool const all = taken == offered.size();
    chunk.payload = offered.first(taken);
    chunk.last = chunk.last && all;
    return gathered_.empty() && !(ends && all) ? message{} : pass(gathered_.bytes(), ends && all);
  }

  // False if a rule is broken.
  bool decode_on(std::span<std::byte const> input, bool whole) {
    bool const text = type_ == message_type::text;
    for (;;) {
      auto const room = gathered_.prepare(1);
      // One byte more than the limit tells that it is exceeded. add() may have gathered more than that.
      std::uint64_t const left = (std::max)(options_.max_streamed_size, decoded_) - decoded_ + 1;
      auto const usable = room.first(static_cast<std::size_t>((std::min<std::uint64_t>)(room.size(), left)));
      std::span<std::byte> rest = usable;
      kindwire::error const wrong = extension_->decode(input, rest, whole);
      auto const made = usable.first(usable.size() - rest.size());
      if (made.size() == left) return fail(error::message_too_large), false;
      if (text && !text_.feed(made)) return fail(error::invalid_utf8), false;
      if (wrong != kindwire::error{}) return fail(wrong), false;
      decoded_ += made.size();
      gathered_.commit(made.size());
      if (!rest.empty()) break;
    }
    if (whole && text && !text_.complete()) return fail(error::invalid_utf8), false;
    return true;
  }

  message pass(std::span<std::byte const> bytes, bool last) noexcept {
    message const result = detail::part_of_message::make(type_, bytes, !passes_, last);
    passes_ = !last;
    inside_ = !last;
    delivered_ = true;
    return result;
  }

  // True if what is decoded is to get all the room that it may ever have: most likely it will need it. A
  // block that has to grow is there twice for a moment, and the old one stays with the thread, so a bomb
  // would cost several times the limit if it were to double its block up to there. The longest ones grow
  // where they are.
  bool swells(frame_chunk const& chunk, std::size_t input_left) const noexcept {
    constexpr std::size_t unusual_times = 32;
    constexpr std::size_t small_part = 32;  // of the limit: all blocks up to there take a sixteenth of it
    std::size_t const held = gathered_.capacity();
    if (held <= options_.max_message_size / small_part || held >= options_.max_message_size) return false;
    if (held > detail::block_pool::largest) return false;
    std::uint64_t const to_come = chunk.header->length - chunk.offset - chunk.payload.size() + input_left;
    return gathered_.size() / unusual_times >= declared_ - to_come;
  }

  // Most of what is worth compressing takes a few times as much room as it came in.
  void begin_decoding(std::size_t received) {
    std::size_t const most = (std::min)(std::size_t{64} << 10, options_.max_message_size / 8);
    constexpr std::size_t usual_times = 4;
    std::size_t const expected = (std::min)(received, most / usual_times) * usual_times;
    gathered_.prepare((std::min)((std::max)(expected, std::size_t{1}), options_.max_message_size));
  }

  bool unmask(frame_chunk const& piece, bool text) noexcept {
    if (!piece.header->masked) return !text || text_.feed(piece.payload);
    if (text) return text_.unmask_and_feed(piece.payload, piece.header->key, piece.offset);
    mask(piece.payload, piece.header->key, piece.offset);
    return true;
  }

  void gather(std::span<std::byte const> payload) {
    if (gathered_.ends_at(payload.data())) return gathered_.commit(payload.size());
    reuse_block_for(payload.size());
    gathered_.append(payload, declared());
  }

  // Nothing is allocated for bytes that are only declared, but an unused block of the thread's may be taken
  // for them. If little of the message has been received it is a small one, since more may never come.
  void reuse_block_for(std::size_t received) noexcept {
    constexpr std::size_t most_times = 16;
    if (gathered_.capacity() != 0 || received == 0) return;
    gathered_.take_kept(declared() / most_times < received ? declared() : received * most_times);
  }

  // What is gathered is bounded by max_message_size.
  std::size_t declared() const noexcept { return static_cast<std::size_t>(declared_); }

  bool begin_frame(frame_header const& header, bool in_parts) noexcept {
    if (header.type == message_type::continuation) {
      if (!inside_) return fail(error::unexpected_continuation), false;
    } else {
      if (inside_) return fail(error::expected_continuation), false;
      inside_ = true;
      type_ = header.type;
      encoded_ = header.reserved != 0 && extension_ != nullptr;
      declared_ = decoded_ = 0;
      fragments_ = empty_fragments_ = 0;
      passes_ = false;
      text_.reset();
    }
    std::uint64_t most = in_parts ? options_.max_streamed_size : options_.max_message_size;
    if (encoded_) most = longest_encoding(most);
    // Written so that it cannot overflow, whatever a header declares. What is given out in parts may be less
    // than has been gathered before.
    if (declared_ > most || header.length > most - declared_) return fail(error::message_too_large), false;
    declared_ += header.length;
    ++fragments_;
    if (header.length == 0) ++empty_fragments_;
    std::uint64_t const counted = in_parts && streams_ ? empty_fragments_ : fragments_;
    if (counted > options_.max_fragments) return fail(error::too_many_fragments), false;
    return true;
  }

  // Of a message of up to `size` bytes. What an extension cannot say is not limited here.
  std::uint64_t longest_encoding(std::uint64_t size) const noexcept {
    constexpr std::size_t most = (std::numeric_limits<std::size_t>::max)();
    if (size >= most) return (std::numeric_limits<std::uint64_t>::max)();
    // With the frame that begins.
    auto const frames = static_cast<std::size_t>((std::min<std::uint64_t>)(fragments_ + 1, most));
    auto const payload = static_cast<std::size_t>((std::min<std::uint64_t>)(size, most));
    return extension_->longest_encoding(payload, frames);
  }

  void end_message() noexcept {
    inside_ = false;
    delivered_ = true;
  }

  message fail(kindwire::error value) noexcept {
    violation_ = value;
    passes_ = false;
    gathered_.release();
    if (extension_ != nullptr) extension_->stop_decoding();
    return {};
  }

  reassembler_options options_;
  message_extension* extension_;
  buffer gathered_;
  std::uint64_t declared_ = 0;  // payload bytes that this message's headers have declared so far
  std::uint64_t decoded_ = 0;   // of an encoded message that is handed on in parts
  std::uint64_t fragments_ = 0;
  std::uint64_t empty_fragments_ = 0;
  utf8_validator text_;
  message_type type_ = message_type::binary;
  bool inside_ = false;
  bool encoded_ = false;
  bool delivered_ = false;
  bool passes_ = false;   // between the first and the last part of a message
  bool streams_ = false;  // there is a limit for messages in parts
  kindwire::error violation_{};
};

}  // namespace kindwire
