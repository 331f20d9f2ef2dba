// How a mailbox keeps a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "../../message/extension.hpp"
#include "../../message/message.hpp"

namespace kindwire::net::detail {

// What the owner's extension has to do with a payload.
enum class encoding : std::uint8_t { wanted, unwanted, done };

constexpr encoding encoding_for(compress how) noexcept {
  return how == compress::no ? encoding::unwanted : encoding::wanted;
}

// One message in a block: a word with its type and its size, then the payload.
struct mail_record {
  message_type type;
  encoding coding;
  std::span<std::byte const> payload;

  static constexpr std::size_t overhead = sizeof(std::uint64_t);

  std::size_t size() const noexcept { return overhead + payload.size(); }

  // To a place of size() bytes.
  void write(std::byte* to) const noexcept {
    std::uint64_t const head =
        std::uint64_t{payload.size()} << 8 | static_cast<unsigned>(coding) << 4 | static_cast<unsigned>(type);
    std::memcpy(to, &head, overhead);
    if (!payload.empty()) std::memcpy(to + overhead, payload.data(), payload.size());
  }

  static mail_record first_of(std::span<std::byte const> bytes) noexcept {
    std::uint64_t head;
    std::memcpy(&head, bytes.data(), sizeof head);
    return {static_cast<message_type>(head & 0xF), static_cast<encoding>(head >> 4 & 0xF),
            bytes.subspan(overhead, static_cast<std::size_t>(head >> 8))};
  }

  // True if it may be sent inside a fragmented message (RFC 6455 §5.4).
  static bool may_pass(message_type type, bool data_before) noexcept {
    return is_control(type) && (type != message_type::close || !data_before);
  }
};

}  // namespace kindwire::net::detail
