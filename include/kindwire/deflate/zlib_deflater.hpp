// Compressing by zlib.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include "../message/buffer.hpp"
#include "deflater.hpp"
#include "memory.hpp"

namespace kindwire::deflate::detail {

// It stays where it was made: zlib points back to its stream.
class zlib_deflater final : public deflater {
 public:
  static std::unique_ptr<deflater> make(deflater_shape const& shape) noexcept {
    std::unique_ptr<zlib_deflater> made(new (std::nothrow) zlib_deflater(shape));
    if (made && ::deflateInit2(&made->stream_, shape.level, Z_DEFLATED, -shape.window_bits,
                               shape.memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
      made.reset();
    return made;
  }
  ~zlib_deflater() override { ::deflateEnd(&stream_); }

  std::size_t memory() const noexcept override { return sizeof *this + held_; }

  // By what zlib documents.
  static std::size_t most_memory(deflater_shape const& shape) noexcept {
    constexpr std::size_t rest = std::size_t{8} << 10;  // zlib's state, and ours
    return (std::size_t{1} << (shape.window_bits + 2)) + (std::size_t{5} << (shape.memory_level + 7)) + rest;
  }

 private:
  explicit zlib_deflater(deflater_shape const& shape) noexcept : deflater(shape) {
    use_counted_memory(stream_, held_);
  }

  bool append_blocks(std::span<std::byte const> payload, bool anew, std::size_t most, buffer& to) override {
    if (anew) ::deflateReset(&stream_);
    std::size_t const start = to.size();
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
    return true;
  }

  z_stream stream_;
  std::size_t held_ = 0;
};

inline constexpr compressor zlib_compressor{zlib_deflater::make, zlib_deflater::most_memory, 1, 9};

}  // namespace kindwire::deflate::detail
