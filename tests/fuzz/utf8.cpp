// UTF-8: in one piece, in pieces, and as the grammar of RFC 3629 has it.
#include <kindwire/message/utf8.hpp>

#include "fuzz.hpp"
#include "support/reference.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const cut = from.byte();
  support::bytes const text = from.rest();
  FUZZ_CLAIM(kindwire::is_utf8(std::span<std::byte const>(text)) == support::reference_is_utf8(text));

  kindwire::utf8_validator validator;
  support::reference_utf8 reference;
  fuzz::in_pieces(text, cut, [&](std::span<std::byte> piece) {
    bool good = true;
    for (auto const each : piece) good = reference.take(each) && good;
    FUZZ_CLAIM(validator.feed(piece) == good);
  });
  FUZZ_CLAIM(validator.complete() == reference.whole());
  return 0;
}
