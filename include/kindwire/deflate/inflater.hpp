// Messages out of DEFLATE blocks, RFC 7692 §7.2.2, as they arrive.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include "../error.hpp"
#include "memory.hpp"

namespace kindwire::deflate::detail {

// One context of zlib's. It stays where it was made: zlib points back to its stream.
class inflater {
 public:
  // `window_bits` is 9 to 15; a window of 8 is read with one of 9. Null if there is no memory.
  //
  // A peer that refers further back than that is always refused with 15. With fewer, zlib finds what it has
  // written into the same room, so that whether it is refused may depend on how its bytes were split.
  static std::unique_ptr<inflater> make(int window_bits) noexcept {
    std::unique_ptr<inflater> made(new (std::nothrow) inflater);
    if (made && ::inflateInit2(&made->stream_, -window_bits) != Z_OK) made.reset();
    return made;
  }
  inflater(inflater const&) = delete;
  inflater& operator=(inflater const&) = delete;
  ~inflater() { ::inflateEnd(&stream_); }

  std::size_t memory() const noexcept { return sizeof *this + held_; }

  // Forgets the window, and whatever message is unfinished.
  void reset() noexcept {
    ::inflateReset(&stream_);
    begin_message();
  }

  // Like message_extension::decode(). Throws std::bad_alloc.
  //
  // A message ends where the sender has removed 00 00 FF FF (§7.2.1), which goes on here. It is also whole
  // without that if its last block ends with its last byte: after a block with BFINAL set, or if the sender
  // left them where they are. Any other end is in the middle of a block.
  error inflate(std::span<std::byte const>& input, std::span<std::byte>& room, bool last) {
    for (;;) {
      bool const in_tail = input.empty() && last && !output_waits_ && needs_tail();
      std::span<std::byte const> source =
          in_tail ? std::span<std::byte const>{tail}.subspan(tail_taken_) : input;
      if (source.empty() && !output_waits_) break;
      std::size_t const before = source.size();
      std::size_t const room_before = room.size();
      if (error const wrong = step(source, room); wrong != error{}) return wrong;
      if (in_tail) {
        // It is the length of an empty block. Where it is read as something else, something else was missing.
        if (room.size() != room_before) return error::invalid_compression;
        tail_taken_ += before - source.size();
      } else {
        input = source;
      }
      if (room.empty()) return {};
    }
    if (!last) return {};
    if (!at_boundary_) return error::invalid_compression;
    begin_message();
    return {};
  }

 private:
  static constexpr std::array<std::byte, 4> tail{std::byte{0x00}, std::byte{0x00}, std::byte{0xFF},
                                                 std::byte{0xFF}};

  inflater() noexcept { use_counted_memory(stream_, held_); }

  // Once begun, it must be read to its end: it is not there to make up for the rest of a block.
  bool needs_tail() const noexcept { return tail_taken_ != 0 ? tail_taken_ != tail.size() : !at_boundary_; }

  void begin_message() noexcept {
    tail_taken_ = 0;
    at_boundary_ = true;
    output_waits_ = false;
  }

  // One call of zlib's.
  error step(std::span<std::byte const>& source, std::span<std::byte>& room) {
    stream_.next_in = bytes_of(source.data());
    stream_.avail_in = as_much_of(source.size());
    stream_.next_out = bytes_of(room.data());
    uInt const offered = stream_.avail_out = as_much_of(room.size());
    uInt const given = stream_.avail_in;
    int const outcome = ::inflate(&stream_, Z_SYNC_FLUSH);
    source = source.subspan(given - stream_.avail_in);
    room = room.subspan(offered - stream_.avail_out);
    output_waits_ = stream_.avail_out == 0;
    switch (outcome) {
      case Z_STREAM_END:
        // A block had BFINAL set. The next one, if any, begins at the next byte (§7.2.1), and may still refer
        // to what came before: the window is of messages, not of streams.
        ::inflateResetKeep(&stream_);
        at_boundary_ = true;
        output_waits_ = false;
        return {};
      case Z_OK:
      case Z_BUF_ERROR: {
        // zlib forgets that it is between blocks when it is called for nothing.
        if (stream_.avail_in == given && stream_.avail_out == offered) return {};
        // Bits of the last byte that are not used yet, and 128 directly after a block.
        constexpr int after_block = 128;
        constexpr int unused_bits = 63;
        at_boundary_ = (stream_.data_type & after_block) != 0 && (stream_.data_type & unused_bits) == 0;
        return {};
      }
      case Z_MEM_ERROR: out_of_memory();
      default: return error::invalid_compression;
    }
  }

  z_stream stream_;
  std::size_t held_ = 0;
  std::size_t tail_taken_ = 0;
  bool at_boundary_ = true;    // a message could end here without the tail: between blocks, and bytes
  bool output_waits_ = false;  // zlib may have more of what it has read
};

}  // namespace kindwire::deflate::detail
