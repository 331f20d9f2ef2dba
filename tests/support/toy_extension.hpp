// An extension that is no good for anything, on RSV2: it says what the seam between a session and any
// extension promises, without permessage-deflate.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <kindwire/handshake/negotiator.hpp>
#include <kindwire/message/extension.hpp>

#include "bytes.hpp"

namespace support {

/// Each byte of a message is combined with its place in the direction's stream of encoded bytes: an end that
/// has lost count gets rubbish. What arrives may stand for several bytes each.
class toy_extension final : public kindwire::message_extension {
 public:
  static constexpr std::uint8_t bit = 0x20;
  static constexpr std::byte wrong{0xEE};  ///< an encoded byte that stands for nothing

  explicit toy_extension(std::size_t times = 1) : message_extension(bit), times_(times) {}

  std::size_t longest_encoding(std::size_t size, std::size_t) const noexcept override { return size + 10; }

  kindwire::error decode(std::span<std::byte const>& input, std::span<std::byte>& room, bool last) override {
    for (;;) {
      while (left_ != 0 && !room.empty()) {
        room.front() = value_;
        room = room.subspan(1);
        --left_;
      }
      if (room.empty() || input.empty()) break;
      if (input.front() == wrong) return kindwire::error::invalid_compression;
      value_ = input.front() ^ next(decoded);
      left_ = times_;
      input = input.subspan(1);
    }
    messages_decoded += last && !room.empty() ? 1 : 0;
    return {};
  }

  bool encode(kindwire::message_type type, std::span<std::byte const> payload, bool fin,
              kindwire::compress how, kindwire::buffer& to) override {
    if (type != kindwire::message_type::continuation) encodes_ = how == kindwire::compress::yes;
    if (!encodes_) return false;
    std::size_t const before = encoded;
    if (to.prepare(payload.size()).size() < payload.size()) return false;
    for (std::byte const each : payload) {
      std::byte const changed = each ^ next(encoded);
      to.append({&changed, 1});
    }
    if (std::exchange(gives_up, false)) {
      encoded = before;
      return false;
    }
    messages_encoded += fin ? 1 : 0;
    return true;
  }

  void rest() noexcept override {
    ++rests;
    ++all_rests;
  }

  std::size_t decoded = 0;
  std::size_t encoded = 0;
  int messages_decoded = 0;
  int messages_encoded = 0;
  int rests = 0;
  static inline int all_rests = 0;  ///< of all of them
  bool gives_up = false;            ///< once

 private:
  static std::byte next(std::size_t& place) { return static_cast<std::byte>(0x5A + place++ % 7); }

  std::size_t times_;
  std::size_t left_ = 0;
  std::byte value_{};
  bool encodes_ = false;
};

/// What `payload` looks like when it begins at `place` of the stream.
inline bytes toy_encoded(bytes payload, std::size_t place = 0) {
  for (std::byte& each : payload) each ^= static_cast<std::byte>(0x5A + place++ % 7);
  return payload;
}

/// Agrees on `toy` and `toy; loud`, and on nothing else.
class toy_negotiator final : public kindwire::extension_negotiator {
 public:
  std::vector<kindwire::extension> offer() const override {
    return {{"toy", {{"loud", std::nullopt}}}, {"toy", {}}};
  }

  kindwire::agreed_extension accept(std::vector<kindwire::extension> const& offered) const override {
    for (auto const& each : offered) {
      if (is_ours(each)) return {kindwire::format_extensions({each}), std::make_unique<toy_extension>()};
    }
    return {};
  }

  std::error_code confirm(std::vector<kindwire::extension> const&,
                          std::vector<kindwire::extension> const& answered,
                          kindwire::agreed_extension& agreed) const override {
    agreed = {};
    for (auto const& each : answered) {
      if (each.name != "toy") continue;
      if (!is_ours(each)) return kindwire::error::handshake_extension;
      agreed = {kindwire::format_extensions({each}), std::make_unique<toy_extension>()};
    }
    return {};
  }

 private:
  static bool is_ours(kindwire::extension const& one) {
    return one.name == "toy" &&
           std::all_of(one.parameters.begin(), one.parameters.end(),
                       [](auto const& each) { return each.name == "loud" && !each.value; });
  }
};

}  // namespace support
