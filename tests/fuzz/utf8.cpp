// UTF-8: in one piece, in pieces, behind any number of ASCII characters, and as the grammar of RFC 3629 has
// it.
#include <kindwire/message/utf8.hpp>

#include "fuzz.hpp"
#include "support/reference.hpp"

namespace {

void check(std::span<std::byte const> text, unsigned cut) {
  std::size_t const good = support::reference_utf8_prefix(text);
  FUZZ_CLAIM(kindwire::is_utf8(text) == support::reference_is_utf8(text));

  // As soon as the piece with the first impossible byte is there.
  kindwire::utf8_validator validator;
  support::reference_utf8 reference;
  std::size_t at = 0;
  fuzz::in_pieces(text, cut, [&](std::span<std::byte> piece) {
    at += piece.size();
    for (auto const each : piece) reference.take(each);
    FUZZ_CLAIM(validator.feed(piece) == (at <= good));
    FUZZ_CLAIM(validator.complete() == reference.whole());
  });
  validator.reset();
  FUZZ_CLAIM(validator.complete());

  // The same text masked, unmasked as it is checked.
  kindwire::masking_key key;
  for (std::size_t i = 0; i != key.size(); ++i) key[i] = static_cast<std::byte>(cut * (i + 3));
  support::bytes masked(text.begin(), text.end());
  kindwire::mask(masked, key, cut);
  at = 0;
  fuzz::in_pieces(masked, cut, [&](std::span<std::byte> piece) {
    bool const possible = validator.unmask_and_feed(piece, key, cut + at);
    FUZZ_CLAIM(possible == (at + piece.size() <= good));
    FUZZ_CLAIM(!possible ||
               std::equal(piece.begin(), piece.end(), text.begin() + static_cast<std::ptrdiff_t>(at)));
    at += piece.size();
  });
  FUZZ_CLAIM(validator.complete() == support::reference_is_utf8(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const cut = from.byte();
  support::bytes const text = from.rest();
  check(text, cut);

  // A sequence may lie across the border of any block that is looked at as one, and the text be cut anywhere.
  support::bytes shifted = support::repeat(cut % 64, 'a');
  shifted.insert(shifted.end(), text.begin(), text.end());
  shifted.insert(shifted.end(), 64, std::byte{'z'});
  check(shifted, cut / 2);
  check(std::span(shifted).first(std::min(shifted.size(), std::size_t{64})), cut);

  kindwire::utf8_validator validator;
  bool const first = validator.feed(std::span(shifted).first(cut % shifted.size()));
  bool const second = validator.feed(std::span(shifted).subspan(cut % shifted.size()));
  FUZZ_CLAIM((first && second) == (support::reference_utf8_prefix(shifted) == shifted.size()));
  return 0;
}
