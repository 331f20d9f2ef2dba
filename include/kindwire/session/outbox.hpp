// The output of one end of a connection: frames in order, and the answers to pings.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "../frame/encoder.hpp"
#include "../frame/header.hpp"
#include "../frame/opcode.hpp"
#include "../frame/role.hpp"
#include "../message/buffer.hpp"
#include "../message/extension.hpp"

namespace kindwire::detail {

// Knows how to write frames; the session decides whether they may be written. Holds storage only while output
// is pending.
class outbox {
 public:
  outbox(role self, std::size_t max_queued_pongs) noexcept
      : encoder_(self), max_queued_pongs_(max_queued_pongs), masks_(self == role::client) {}

  std::span<std::byte const> bytes() const noexcept { return output_.bytes(); }

  void write(opcode type, std::span<std::byte const> payload, bool fin) {
    masks_ ? write_as<role::client>(type, payload, fin) : write_as<role::server>(type, payload, fin);
  }

  // A whole message that `write` appends itself. Writes nothing if that throws, or gives up with false.
  template <class Write>
  bool write_with(opcode type, Write&& write) {
    std::size_t const start = output_.size();
    // This header fits all payloads but the shortest and the longest, which are moved into place.
    std::size_t const gap = frame_header_size(masks_, max_control_payload_size + 1);
    room(gap);
    output_.commit(gap);
    unfinished_frame guard{this, start};
    if (!std::forward<Write>(write)(output_)) return false;
    enclose(type, start, gap);
    guard.self = nullptr;
    return true;
  }

  // A data frame that `extension` may transform.
  void write(message_extension& extension, opcode type, std::span<std::byte const> payload, bool fin,
             compress how) {
    if (!write_encoded(extension, type, payload, fin, how)) write(type, payload, fin);
  }

  // A whole message that an extension has transformed.
  void write_marked(opcode type, std::span<std::byte const> payload, std::uint8_t reserved) {
    std::size_t const size = encoder_.size(payload.size());
    std::byte* const to = room(size);
    output_.commit(size);
    encoder_.write(to, type, payload, true, reserved);
  }

  // Answers a ping. RFC 6455 §5.5.3 allows answering only the most recent of several: a peer that sends pings
  // and does not read gets that one, once the answers before it are written.
  void queue_pong(std::span<std::byte const> payload) {
    std::size_t const size = encoder_.size(payload.size());
    if (pong_waits_ || (queued_pongs_ != 0 && queued_pongs_ + size > max_queued_pongs_)) {
      latest_pong_.clear();
      latest_pong_.append(payload);
      pong_waits_ = true;
      return;
    }
    write_pong(payload);
  }

  // For when our Close is queued: nothing may follow it.
  void forget_pong() noexcept {
    pong_waits_ = false;
    latest_pong_.release();
  }

  // May throw std::bad_alloc for a waiting pong; the bytes are consumed all the same, and the pong keeps
  // waiting.
  void consume(std::size_t size) {
    output_.consume(size);
    last_pong_end_ -= (std::min)(size, last_pong_end_);
    if (last_pong_end_ == 0) pongs_gone();
    if (output_.empty()) output_.release();
  }

  bool is_at_rest() const noexcept { return output_.capacity() == 0 && !pong_waits_ && queued_pongs_ == 0; }

  // May throw std::bad_alloc; then nothing was taken.
  buffer take() {
    buffer taken;
    if (pong_waits_) taken.prepare(encoder_.size(latest_pong_.size()));
    taken.swap(output_);
    last_pong_end_ = 0;
    pongs_gone();
    return taken;
  }

 private:
  // A batch of messages leaves in one write. Start in a large kept block, so that the batch need not be
  // reallocated.
  static constexpr std::size_t usual_batch = std::size_t{256} << 10;

  // Most frames fit, and a server's takes little more than a copy. The rest is a function of its own, so that
  // the usual path saves no registers.
  template <role Self>
  KINDWIRE_NOINLINE void write_as(opcode type, std::span<std::byte const> payload, bool fin) {
    constexpr frame_encoder<Self> encoder;
    std::size_t const size = encoder.size(payload.size());
    if (output_.spare() < size) return write_with_room<Self>(size, type, payload, fin);
    std::byte* const to = output_.prepare(0).data();
    output_.commit(size);
    encoder.write(to, type, payload, fin);
  }
  template <role Self>
  KINDWIRE_NOINLINE void write_with_room(std::size_t size, opcode type, std::span<std::byte const> payload,
                                         bool fin) {
    room(size);
    write_as<Self>(type, payload, fin);
  }

  // What has been written of a frame, unless it is finished.
  struct unfinished_frame {
    outbox* self;
    std::size_t start;
    ~unfinished_frame() {
      if (self == nullptr) return;
      self->output_.truncate(start);
      if (start == 0) self->output_.release();
    }
  };

  // False, with nothing written, if the extension leaves the payload as it is.
  KINDWIRE_NOINLINE bool write_encoded(message_extension& extension, opcode type,
                                       std::span<std::byte const> payload, bool fin, compress how) {
    std::size_t const start = output_.size();
    // Room for any header that may be needed: once it is encoded, nothing may fail any more.
    std::size_t const gap = frame_header_size(masks_, extension.longest_encoding(payload.size(), 1));
    room(gap);
    output_.commit(gap);
    unfinished_frame guard{this, start};
    if (!extension.encode(type, payload, fin, how, output_)) return false;
    enclose(type, start, gap, fin,
            type == opcode::continuation ? std::uint8_t{0} : extension.reserved_bits());
    guard.self = nullptr;
    return true;
  }

  std::byte* room(std::size_t size) {
    if (output_.capacity() == 0) output_.take_kept_up_to(usual_batch);
    return output_.prepare(size).data();
  }

  void pongs_gone() {
    queued_pongs_ = 0;
    if (!pong_waits_) return;
    write_pong(latest_pong_.bytes());
    forget_pong();
  }

  void write_pong(std::span<std::byte const> payload) {
    write(opcode::pong, payload, true);
    queued_pongs_ += encoder_.size(payload.size());
    last_pong_end_ = output_.size();
  }

  void enclose(opcode type, std::size_t start, std::size_t gap, bool fin = true, std::uint8_t reserved = 0) {
    std::size_t const size = output_.size() - start - gap;
    std::size_t const header_size = frame_header_size(masks_, size);
    if (header_size > gap) {
      output_.prepare(header_size - gap);
      output_.commit(header_size - gap);
    }
    auto const frame = output_.bytes().subspan(start);
    if (header_size != gap) std::memmove(frame.data() + header_size, frame.data() + gap, size);
    output_.truncate(start + header_size + size);
    encoder_.enclose(frame.data(), type, frame.subspan(header_size, size), fin, reserved);
  }

  buffer output_;
  buffer latest_pong_;             // the payload of the waiting pong
  std::size_t queued_pongs_ = 0;   // bytes of pongs in output_
  std::size_t last_pong_end_ = 0;  // bytes of output_ up to the end of the last pong
  basic_frame_encoder encoder_;
  std::size_t max_queued_pongs_;
  bool masks_;
  bool pong_waits_ = false;
};

}  // namespace kindwire::detail
