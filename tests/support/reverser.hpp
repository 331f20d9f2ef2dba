// An encoder whose work is seen at a glance.
#pragma once

#include <algorithm>
#include <atomic>
#include <optional>
#include <span>
#include <utility>

#include <kindwire/message/extension.hpp>

namespace support {

/// Reverses a message, unless it is short.
class reverser final : public kindwire::message_encoder {
 public:
  std::optional<bool> encode(kindwire::message_type, std::span<std::byte const> payload,
                             kindwire::buffer& to) const override {
    ++calls;
    if (std::exchange(fails, false)) return std::nullopt;
    to.append(payload);
    std::reverse(to.bytes().begin(), to.bytes().end());
    return payload.size() > 3;
  }

  mutable std::atomic<int> calls{0};
  mutable bool fails = false;  ///< the next time
};

}  // namespace support
