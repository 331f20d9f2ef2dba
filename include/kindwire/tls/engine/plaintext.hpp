// What a stream is given to write, cut into what fits into one record.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include "record_bytes.hpp"

namespace kindwire::tls::detail {

// The plaintext of one record (RFC 8446 §5.1).
inline constexpr std::size_t record_size = std::size_t{16} << 10;

// What is to be written: short pieces share a record.
class plaintext {
 public:
  explicit plaintext(std::span<std::span<std::byte const> const> pieces) noexcept : pieces_(pieces) {
    skip();
  }
  plaintext(plaintext const&) = delete;
  plaintext& operator=(plaintext const&) = delete;
  ~plaintext() {
    if (gathered_) block_stock::give_back(std::move(gathered_));
  }

  bool empty() const noexcept { return pieces_.empty(); }

  // At most `most` bytes, there is one at least. May throw std::bad_alloc.
  std::span<std::byte const> next(std::size_t most) {
    auto const first = pieces_.front().subspan(taken_);
    if (first.size() >= record_size || pieces_.size() == 1)
      return first.first((std::min)(first.size(), most));
    if (!gathered_) gathered_ = block_stock::take();
    std::size_t size = 0;
    std::size_t begin = taken_;
    for (auto const& each : pieces_) {
      std::size_t const part = (std::min)({each.size() - begin, record_size - size, most - size});
      if (part != 0) std::memcpy(gathered_.get() + size, each.data() + begin, part);
      size += part;
      begin = 0;
    }
    return {gathered_.get(), size};
  }

  void consume(std::size_t size) noexcept {
    taken_ += size;
    skip();
  }

 private:
  void skip() noexcept {
    while (!pieces_.empty() && taken_ >= pieces_.front().size()) {
      taken_ -= pieces_.front().size();
      pieces_ = pieces_.subspan(1);
    }
  }

  std::span<std::span<std::byte const> const> pieces_;
  std::size_t taken_ = 0;  // of the first
  block gathered_;
};

}  // namespace kindwire::tls::detail
