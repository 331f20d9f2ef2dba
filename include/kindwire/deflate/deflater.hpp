// DEFLATE blocks out of messages, RFC 7692 §7.2.1, by whichever library compresses.
#pragma once

#include "../requirements.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "../message/buffer.hpp"

namespace kindwire::deflate::detail {

class deflater;
struct compressor;

// What a context is made for: a library can change none of it at a moment's notice.
struct deflater_shape {
  compressor const* by;
  int window_bits;   // 9 to 15
  int memory_level;  // 1 to 9
  int level;         // as `by` counts

  friend bool operator==(deflater_shape const&, deflater_shape const&) = default;
};

// A library that compresses.
struct compressor {
  // Null if there is no memory.
  std::unique_ptr<deflater> (*make)(deflater_shape const&) noexcept;
  // The most bytes that such a context takes, rounded up.
  std::size_t (*memory)(deflater_shape const&) noexcept;
  int fastest_level;
  int smallest_level;
};

// One context. The rules of a message are here, and what a library does about its bytes in a class derived.
class deflater {
 public:
  deflater(deflater const&) = delete;
  deflater& operator=(deflater const&) = delete;
  virtual ~deflater() = default;

  deflater_shape const& shape() const noexcept { return shape_; }
  virtual std::size_t memory() const noexcept = 0;

  // Begins with an empty window. What follows refers to nothing before it, so that is right at any byte
  // boundary, even in the middle of a message.
  void reset() noexcept { stale_ = true; }

  // Appends `payload` compressed, up to a byte boundary; `fin` leaves out the 00 00 FF FF that ends a
  // message. False once that would take `limit` bytes or more. After that, and after an exception, the
  // context and what it has sent are out of step until reset().
  bool deflate(std::span<std::byte const> payload, bool fin, std::size_t limit, buffer& to) {
    if (payload.empty()) return append_nothing(fin, to);
    std::size_t const start = to.size();
    std::size_t const most = limit + (std::min)(SIZE_MAX - limit, tail_size);
    // Only here, where the library is called anyway.
    bool const anew = std::exchange(stale_, false);
    if (!append_blocks(payload, anew, most, to)) return false;
    if (fin) to.truncate(to.size() - tail_size);
    return to.size() - start < limit;
  }

 protected:
  explicit deflater(deflater_shape const& shape) noexcept : shape_(shape) {}

  // Appends blocks for all of `payload`, which is not empty, and the empty one without compression that ends
  // in 00 00 FF FF. `anew`: with an empty window. False if that takes more than about `most` bytes.
  virtual bool append_blocks(std::span<std::byte const> payload, bool anew, std::size_t most, buffer& to) = 0;

  static constexpr std::size_t least_room = 64;

  static std::size_t room_for(std::size_t payload) noexcept {
    constexpr std::size_t most = std::size_t{32} << 10;
    return (std::clamp)(payload / 2, least_room, most);
  }

 private:
  static constexpr std::size_t tail_size = 4;

  // A library may flush once only. The context is between blocks, at a byte boundary; of an empty block
  // without compression, a message keeps the first byte (§7.2.3.6).
  static bool append_nothing(bool fin, buffer& to) {
    constexpr std::byte empty_block{0x00};
    if (fin) to.append({&empty_block, 1});
    return true;
  }

  deflater_shape shape_;
  bool stale_ = false;  // what the library remembers is no longer to be referred to
};

}  // namespace kindwire::deflate::detail
