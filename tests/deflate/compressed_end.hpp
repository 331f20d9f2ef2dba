// One end of a compressed connection in a test.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <kindwire/deflate.hpp>
#include <kindwire/session.hpp>
#include <kindwire/session/prepared_message.hpp>

#include "../support/bytes.hpp"
#include "../support/end.hpp"
#include "zlib_reference.hpp"

namespace support {

using kindwire::deflate::detail::permessage_deflate;
using kindwire::deflate::detail::service;
using kindwire::deflate::detail::terms;

struct compressed_end {
  explicit compressed_end(kindwire::role self,
                          kindwire::deflate::options const& choices = kindwire::deflate::full(),
                          std::optional<terms> agreed = {}, kindwire::session_options options = {})
      : deflate(std::make_shared<service>(choices), agreed ? *agreed : of(choices)),
        ws(self, options, &deflate) {}

  void take(std::span<std::byte const> input) {
    feed(ws, input);
    drain(ws, seen);
  }
  void take_in_pieces(std::span<std::byte const> input, std::size_t size) {
    for (; !input.empty(); input = input.subspan(std::min(size, input.size())))
      take(input.first(std::min(size, input.size())));
  }
  bytes output() {
    bytes result = copy(ws.output());
    ws.consume(result.size());
    return result;
  }

  static terms of(kindwire::deflate::options const& choices) {
    return {choices.context_takeover, choices.peer_context_takeover, choices.window_bits,
            choices.peer_window_bits};
  }

  permessage_deflate deflate;
  kindwire::session ws;
  std::vector<reference_event> seen;
};

/// A frame with RSV1 set.
inline bytes compressed_frame(kindwire::role sender, kindwire::opcode type, bytes payload, bool fin = true) {
  return frame((fin ? 0x80u : 0u) | 0x40u | static_cast<unsigned>(type), std::move(payload),
               sender == kindwire::role::client ? &example_key : nullptr);
}

/// Like zlib's own output for `payload`, in one frame.
inline bytes compressed(kindwire::role sender, kindwire::opcode type, bytes const& payload) {
  return compressed_frame(sender, type, reference_deflater{}.message(payload));
}

/// The first frame of `output`: its RSV bits, and whether it is all.
inline unsigned reserved_bits_of(bytes const& output) {
  return std::to_integer<unsigned>(output.at(0)) & 0x70u;
}

}  // namespace support
