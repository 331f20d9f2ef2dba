// Masking: in place and copied, in one piece and in pieces, as RFC 6455 §5.3 has it byte by byte.
#include <kindwire/frame/mask.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  kindwire::masking_key key;
  for (auto& each : key) each = static_cast<std::byte>(from.byte());
  unsigned const cut = from.byte();
  std::uint64_t offset = from.byte();
  support::bytes const input = from.rest();

  support::bytes expected = input;
  for (std::size_t i = 0; i != expected.size(); ++i) expected[i] ^= key[(offset + i) % 4];
  std::vector<std::byte> whole(input.begin(), input.end()), copy(input.size());
  kindwire::mask(whole, key, offset);
  kindwire::mask_copy(copy.data(), input, key, offset);
  FUZZ_CLAIM(std::equal(whole.begin(), whole.end(), expected.begin()) && copy == whole);

  std::size_t at = 0;
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) {
    kindwire::mask(piece, key, offset + at);
    FUZZ_CLAIM(std::equal(piece.begin(), piece.end(), expected.begin() + static_cast<std::ptrdiff_t>(at)));
    at += piece.size();
  });
  return 0;
}
