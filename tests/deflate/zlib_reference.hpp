// zlib as its manual shows it, for what ours must agree with: one call for a whole message.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <zlib.h>

#include "../support/bytes.hpp"

namespace support {

/// Compresses messages as RFC 7692 §7.2.1 says.
class reference_deflater {
 public:
  explicit reference_deflater(int window_bits = 15, int memory_level = 8, int level = 6) {
    deflateInit2(&stream_, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
  }
  reference_deflater(reference_deflater const&) = delete;
  reference_deflater& operator=(reference_deflater const&) = delete;
  ~reference_deflater() { deflateEnd(&stream_); }

  /// With `variant` 1, its last block has BFINAL set, and the window is begun anew; with 2, it is flushed in
  /// the middle.
  bytes message(bytes const& payload, std::size_t variant = 0) {
    if (payload.empty()) return hex("00");
    bytes result;
    if (variant == 2) {
      std::size_t const half = payload.size() / 2;
      append(result, payload.data(), half, Z_SYNC_FLUSH);
      append(result, payload.data() + half, payload.size() - half, Z_SYNC_FLUSH);
    } else {
      append(result, payload.data(), payload.size(), variant == 1 ? Z_FINISH : Z_SYNC_FLUSH);
    }
    if (variant == 1) {
      deflateReset(&stream_);
      result.push_back(std::byte{0});
    } else {
      result.erase(result.end() - 4, result.end());
    }
    return result;
  }
  void reset() { deflateReset(&stream_); }

 private:
  void append(bytes& to, std::byte const* from, std::size_t size, int flush) {
    if (size == 0) return;
    std::size_t const begin = to.size();
    to.resize(begin + size * 2 + 1000);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from));
    stream_.avail_in = static_cast<uInt>(size);
    stream_.next_out = reinterpret_cast<Bytef*>(to.data() + begin);
    stream_.avail_out = static_cast<uInt>(to.size() - begin);
    deflate(&stream_, flush);
    to.erase(to.end() - static_cast<std::ptrdiff_t>(stream_.avail_out), to.end());
  }

  z_stream stream_{};
};

/// Decompresses messages as RFC 7692 §7.2.2 says: the whole message with its tail at once. A window that a
/// finished stream leaves is handed to the next one by the means that the manual has for that.
class reference_inflater {
 public:
  reference_inflater() { inflateInit2(&stream_, -15); }
  reference_inflater(reference_inflater const&) = delete;
  reference_inflater& operator=(reference_inflater const&) = delete;
  ~reference_inflater() { inflateEnd(&stream_); }

  void reset() {
    inflateReset(&stream_);
    whole_ = true;
  }

  /// Nothing if it is broken, or ends within a block.
  std::optional<bytes> message(bytes const& coded) {
    bytes result;
    if (!take(coded, result)) return std::nullopt;
    if (whole_) return result;
    std::size_t const size = result.size();
    if (!take(hex("00 00 ff ff"), result) || !whole_ || result.size() != size) return std::nullopt;
    return result;
  }

 private:
  bool take(bytes const& coded, bytes& result) {
    std::size_t at = 0;
    while (at != coded.size()) {
      static bytes room(1 << 20);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(coded.data() + at));
      stream_.avail_in = static_cast<uInt>(coded.size() - at);
      stream_.next_out = reinterpret_cast<Bytef*>(room.data());
      stream_.avail_out = static_cast<uInt>(room.size());
      int const outcome = inflate(&stream_, Z_SYNC_FLUSH);
      at = coded.size() - stream_.avail_in;
      result.insert(result.end(), room.begin(), room.end() - static_cast<std::ptrdiff_t>(stream_.avail_out));
      if (outcome == Z_STREAM_END) {
        bytes window(32768);
        uInt size = 0;
        inflateGetDictionary(&stream_, reinterpret_cast<Bytef*>(window.data()), &size);
        inflateReset(&stream_);
        inflateSetDictionary(&stream_, reinterpret_cast<Bytef*>(window.data()), size);
        whole_ = true;
      } else if (outcome == Z_OK || outcome == Z_BUF_ERROR) {
        whole_ = (stream_.data_type & 128) != 0 && (stream_.data_type & 63) == 0;
      } else {
        return false;
      }
    }
    return true;
  }

  z_stream stream_{};
  bool whole_ = true;
};

inline std::optional<bytes> reference_inflated(bytes const& coded) {
  return reference_inflater{}.message(coded);
}

}  // namespace support
