// Reads along with the frames of one direction.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "../../frame/decoder.hpp"
#include "../../frame/header.hpp"
#include "../../frame/mask.hpp"
#include "../../frame/role.hpp"

namespace kindwire::net::detail {

// Has a decoder and a copy of its own: the bytes belong to the connection, which unmasks them where they lie.
class frame_watch {
 public:
  static constexpr std::size_t kept = 256;  // bytes of each payload

  // `receiver` is the end that reads these frames.
  frame_watch(role receiver, reserved_bits allowed) noexcept : decoder_(receiver) {
    decoder_.allow_reserved(allowed);
  }

  // The next bytes, as they are on the wire. Calls `use(frame_header const&, std::span<std::byte const>)`
  // once for each frame.
  template <class Use>
  void take(std::span<std::byte const> bytes, Use use) noexcept {
    // take() changes nothing of what it is given.
    std::span<std::byte> input{const_cast<std::byte*>(bytes.data()), bytes.size()};
    while (frame_chunk const chunk = decoder_.take(input)) {
      frame_header const& header = *chunk.header;
      auto const wanted = static_cast<std::size_t>((std::min<std::uint64_t>)(kept, header.length));
      if (chunk.first) size_ = 0;
      bool const fresh = chunk.first || size_ < wanted;
      std::size_t const part = (std::min)(chunk.payload.size(), wanted - size_);
      if (part != 0) std::memcpy(payload_.data() + size_, chunk.payload.data(), part);
      size_ += part;
      if (!fresh || size_ != wanted) continue;
      auto const beginning = std::span(payload_).first(size_);
      if (header.masked) mask(beginning, header.key);
      use(header, std::span<std::byte const>(beginning));
    }
  }

 private:
  basic_frame_decoder decoder_;
  std::array<std::byte, kept> payload_;  // of the current frame
  std::size_t size_ = 0;
};

}  // namespace kindwire::net::detail
