// What hubs say to each other over a backplane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "../message/utf8.hpp"

namespace kindwire::detail {

// The topics of a hub. A name is printable, and follows its prefix.
inline constexpr std::string_view topic_of_all = "all";
inline constexpr std::string_view prefix_of_rooms = "room/";
inline constexpr std::string_view prefix_of_keys = "key/";

inline std::string topic_of_room(std::string_view name) { return std::string(prefix_of_rooms).append(name); }
inline std::string topic_of_key(std::string_view name) { return std::string(prefix_of_keys).append(name); }

// A message, or that a seat takes the place of all others of its key. Written as a byte of flags, then the
// sender's seat, the sizes of node and key, and the texts.
struct bus_message {
  enum class kind : std::uint8_t { message, replaces };

  kind what = kind::message;
  message_type type = message_type::text;
  compress how = compress::yes;
  std::string_view node = {};  // whose seat that is; empty: nobody's
  std::uint64_t seat = 0;      // to all but this; or which replaces the others
  std::string_view key = {};   // publish_options::key
  std::span<std::byte const> payload = {};

  static constexpr std::size_t max_text_size = 65535;

  // `node` and `key` have at most max_text_size bytes. May throw std::bad_alloc.
  std::string bytes() const {
    std::string all;
    all.reserve(head_size + node.size() + key.size() + payload.size());
    all += static_cast<char>(version << 4 | (what == kind::replaces ? 4 : 0) | (how == compress::no ? 2 : 0) |
                             (type == message_type::binary ? 1 : 0));
    put(all, seat, 8);
    put(all, node.size(), 2);
    put(all, key.size(), 2);
    all.append(node).append(key);
    all.append(reinterpret_cast<char const*>(payload.data()), payload.size());
    return all;
  }

  // What it returns has views of `all`. Nothing if `all` is not a message: what comes from a backplane is not
  // trusted more than a peer.
  static std::optional<bus_message> read(std::span<std::byte const> all) noexcept {
    if (all.size() < head_size) return std::nullopt;
    auto const flags = std::to_integer<unsigned>(all[0]);
    std::size_t const node_size = static_cast<std::size_t>(get(all.subspan(9, 2)));
    std::size_t const key_size = static_cast<std::size_t>(get(all.subspan(11, 2)));
    auto const rest = all.subspan(head_size);
    if (flags >> 4 != version || (flags & 8) != 0 || node_size + key_size > rest.size()) return std::nullopt;
    bus_message result;
    result.what = (flags & 4) != 0 ? kind::replaces : kind::message;
    result.how = (flags & 2) != 0 ? compress::no : compress::yes;
    result.type = (flags & 1) != 0 ? message_type::binary : message_type::text;
    result.seat = get(all.subspan(1, 8));
    result.node = text(rest.first(node_size));
    result.key = text(rest.subspan(node_size, key_size));
    result.payload = rest.subspan(node_size + key_size);
    if (result.type == message_type::text && !is_utf8(text(result.payload))) return std::nullopt;
    return result;
  }

 private:
  static constexpr unsigned version = 1;
  static constexpr std::size_t head_size = 1 + 8 + 2 + 2;

  static void put(std::string& to, std::uint64_t value, unsigned size) {
    for (unsigned i = size; i-- != 0;) to += static_cast<char>(value >> (8 * i) & 0xFF);
  }
  static std::uint64_t get(std::span<std::byte const> from) noexcept {
    std::uint64_t value = 0;
    for (std::byte const each : from) value = value << 8 | std::to_integer<std::uint64_t>(each);
    return value;
  }
  static std::string_view text(std::span<std::byte const> bytes) noexcept {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
  }
};

}  // namespace kindwire::detail
