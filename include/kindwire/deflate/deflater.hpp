// DEFLATE blocks out of messages, RFC 7692 §7.2.1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include "../message/buffer.hpp"
#include "memory.hpp"

namespace kindwire::deflate::detail {

// What a context is made for: zlib can change none of it at a moment's notice.
struct deflater_shape {
  int window_bits;   // 9 to 15
  int memory_level;  // 1 to 9
  int level;         // 1 to 9

  friend bool operator==(deflater_shape const&, deflater_shape const&) = default;
};

// One context of zlib's. It stays where it was made: zlib points back to its stream.
class deflater {
 public:
  // Null if there is no memory.
  static std::unique_ptr<deflater> make(deflater_shape const& shape) noexcept {
    std::unique_ptr<deflater> made(new (std::nothrow) deflater(shape));
    if (made && ::deflateInit2(&made->stream_, shape.level, Z_DEFLATED, -shape.window_bits,
                               shape.memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
      made.reset();
    return made;
  }
  deflater(deflater const&) = delete;
  deflater& operator=(deflater const&) = delete;
  ~deflater() { ::deflateEnd(&stream_); }

  deflater_shape const& shape() const noexcept { return shape_; }
  std::size_t memory() const noexcept { return sizeof *this + held_; }

  // Begins with an empty window. What follows refers to nothing before it, so that is right at any byte
  // boundary, even in the middle of a message.
  void reset() noexcept { ::deflateReset(&stream_); }

  // Appends `payload` compressed, up to a byte boundary; `fin` leaves out the 00 00 FF FF that ends a
  // message. False once that would take `limit` bytes or more. After that, and after an exception, the
  // context and what it has sent are out of step until reset().
  bool deflate(std::span<std::byte const> payload, bool fin, std::size_t limit, buffer& to) {
    if (payload.empty()) return append_nothing(fin, to);
    std::size_t const start = to.size();
    std::size_t const most = limit + (std::min)(SIZE_MAX - limit, tail_size);
    std::size_t left = payload.size();
    stream_.next_in = bytes_of(payload.data());
    do {
      stream_.avail_in = as_much_of(left);
      left -= stream_.avail_in;
      do {
        std::size_t const allowed = most - (to.size() - start);
        if (allowed == 0) return false;
        auto const room = to.prepare((std::min)(allowed, room_for(payload.size())));
        uInt const offered = stream_.avail_out = as_much_of((std::min)(allowed, room.size()));
        stream_.next_out = bytes_of(room.data());
        ::deflate(&stream_, left == 0 ? Z_SYNC_FLUSH : Z_NO_FLUSH);
        to.commit(offered - stream_.avail_out);
        // If the room was used up to the last byte, there may be more. If there is not, another empty block
        // follows, which does no harm.
      } while (stream_.avail_out == 0);
    } while (left != 0);
    if (fin) to.truncate(to.size() - tail_size);
    return to.size() - start < limit;
  }

 private:
  static constexpr std::size_t tail_size = 4;

  explicit deflater(deflater_shape const& shape) noexcept : shape_(shape) {
    use_counted_memory(stream_, held_);
  }

  // zlib flushes once only. The context is between blocks, at a byte boundary; of an empty block without
  // compression, a message keeps the first byte (§7.2.3.6).
  static bool append_nothing(bool fin, buffer& to) {
    constexpr std::byte empty_block{0x00};
    if (fin) to.append({&empty_block, 1});
    return true;
  }

  static std::size_t room_for(std::size_t payload) noexcept {
    constexpr std::size_t least = 64;
    constexpr std::size_t most = std::size_t{32} << 10;
    return (std::clamp)(payload / 2, least, most);
  }

  z_stream stream_;
  std::size_t held_ = 0;
  deflater_shape shape_;
};

}  // namespace kindwire::deflate::detail
