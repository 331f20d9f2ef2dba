// Compressing by igzip, of ISA-L: in a fraction of zlib's time on x86-64, for messages a little longer.
//
//     kw::net::server server{{.port = 8080, .connection = {.compression = kw::deflate::igzip()}}};
//
// Link with ISA-L (-lisal) as well as with zlib, which decompresses what comes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include <isa-l/igzip_lib.h>

#include "../deflate.hpp"
#include "../message/buffer.hpp"
#include "deflater.hpp"
#include "memory.hpp"

namespace kindwire::deflate {

namespace detail {

class igzip_deflater final : public deflater {
 public:
  static std::unique_ptr<deflater> make(deflater_shape const& shape) noexcept {
    std::unique_ptr<igzip_deflater> made(new (std::nothrow) igzip_deflater(shape));
    if (made && !made->begin()) made.reset();
    return made;
  }
  ~igzip_deflater() override { release(&held_, stream_); }

  std::size_t memory() const noexcept override { return sizeof *this + held_; }

  static std::size_t most_memory(deflater_shape const& shape) noexcept {
    return sizeof(igzip_deflater) + block_head + sizeof(isal_zstream) + level_memory(shape.level);
  }

 private:
  explicit igzip_deflater(deflater_shape const& shape) noexcept : deflater(shape) {}

  // A hash table, and symbols of one block until their codes are known: 16 Ki, which is as many as zlib
  // gathers and more than most messages have.
  static std::uint32_t level_memory(int level) noexcept {
    switch (level) {
      case 1: return ISAL_DEF_LVL1_SMALL;
      case 2: return ISAL_DEF_LVL2_SMALL;
      case 3: return ISAL_DEF_LVL3_SMALL;
      default: return 0;
    }
  }

  // False if there is no memory.
  bool begin() noexcept {
    static_assert(sizeof(isal_zstream) % alignof(std::uint64_t) == 0);
    std::uint32_t const more = level_memory(shape().level);
    void* const place = allocate(&held_, 1, static_cast<uInt>(sizeof(isal_zstream) + more));
    if (place == nullptr) return false;
    stream_ = ::new (place) isal_zstream;
    ::isal_deflate_init(stream_);
    stream_->level = static_cast<std::uint32_t>(shape().level);
    stream_->level_buf = static_cast<std::uint8_t*>(place) + sizeof(isal_zstream);
    stream_->level_buf_size = more;
    stream_->hist_bits = static_cast<std::uint16_t>(shape().window_bits);
    stream_->gzip_flag = IGZIP_DEFLATE;
    stream_->flush = SYNC_FLUSH;
    return true;
  }

  bool append_blocks(std::span<std::byte const> payload, bool anew, std::size_t most, buffer& to) override {
    // It counts what it has read in 32 bits, and takes positions from that.
    constexpr std::uint32_t most_read = std::uint32_t{1} << 30;
    std::size_t const start = to.size();
    std::size_t left = payload.size();
    stream_->next_in = bytes_of(payload.data());
    do {
      if (anew || stream_->total_in >= most_read) ::isal_deflate_reset(stream_);
      anew = false;
      stream_->avail_in = as_much_of(left);
      left -= stream_->avail_in;
      do {
        if (to.size() - start >= most) return false;
        // Never a short one, in which it might not find an end: it flushes once more whenever it is called.
        std::size_t const allowed = (std::max)(most - (to.size() - start), least_room);
        auto const room = to.prepare((std::min)(allowed, room_for(payload.size())));
        std::uint32_t const offered = stream_->avail_out = as_much_of((std::min)(allowed, room.size()));
        stream_->next_out = bytes_of(room.data());
        ::isal_deflate(stream_);
        to.commit(offered - stream_->avail_out);
        // As with zlib: room that is left means that all has been written.
      } while (stream_->avail_out == 0);
    } while (left != 0);
    return true;
  }

  isal_zstream* stream_ = nullptr;
  std::size_t held_ = 0;
};

inline constexpr compressor igzip_compressor{igzip_deflater::make, igzip_deflater::most_memory,
                                             ISAL_DEF_MIN_LEVEL, ISAL_DEF_MAX_LEVEL};

}  // namespace detail

/// Like shared(), but what is sent is compressed by igzip. `memory_level` means nothing to it, and `level` is
/// one of its own, 0 to 3:
///
/// - 0: one code for everything: 300 bytes of JSON do not shrink by it;
/// - 1, the default: a code made for each block, as zlib does;
/// - 2: looks further for something to refer to; 1 MiB of JSON becomes 1 % smaller than by 1;
/// - 3: compares what there is to refer to; 3 % smaller, and two to three times the time of 1.
inline options igzip() noexcept {
  options result = shared();
  result.compressor = &detail::igzip_compressor;
  result.level = 1;
  return result;
}

}  // namespace kindwire::deflate
