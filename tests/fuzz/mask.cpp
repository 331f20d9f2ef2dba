// Masking: in place and copied, in one piece and in pieces, from every alignment, as RFC 6455 §5.3 has it
// byte by byte; and not a byte outside.
#include <kindwire/frame/mask.hpp>

#include "fuzz.hpp"

namespace {

constexpr std::size_t margin = 64;
constexpr std::byte untouched{0xA5};

// `size` bytes that begin at `place` of a cache line, with others around them.
class island {
 public:
  island(std::size_t place, std::size_t size) : all_(2 * margin + place + size, untouched), size_(size) {
    auto const address = reinterpret_cast<std::uintptr_t>(all_.data());
    begin_ = (margin - address % margin) % margin + place;
  }
  std::span<std::byte> bytes() { return std::span(all_).subspan(begin_, size_); }
  bool is_intact() const {
    auto const is_untouched = [](std::byte each) { return each == untouched; };
    return std::all_of(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(begin_), is_untouched) &&
           std::all_of(all_.begin() + static_cast<std::ptrdiff_t>(begin_ + size_), all_.end(), is_untouched);
  }

 private:
  std::vector<std::byte> all_;
  std::size_t begin_ = 0;
  std::size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  kindwire::masking_key key;
  for (auto& each : key) each = static_cast<std::byte>(from.byte());
  unsigned const cut = from.byte();
  std::uint64_t const offset = from.byte();
  support::bytes input = from.rest();
  // Longer than the widest registers, also from a short input.
  for (unsigned times = cut % 3; times != 0 && input.size() < 4096; --times) {
    support::bytes const again = input;
    input.insert(input.end(), again.begin(), again.end());
  }

  support::bytes expected = input;
  for (std::size_t i = 0; i != expected.size(); ++i) expected[i] ^= key[(offset + i) % 4];
  std::vector<std::byte> exact(input.begin(), input.end());
  kindwire::mask(exact, key, offset);
  FUZZ_CLAIM(exact == expected);
  island whole(cut % margin, input.size()), copy(offset % margin, input.size());
  std::copy(input.begin(), input.end(), whole.bytes().begin());
  kindwire::mask_copy(copy.bytes().data(), whole.bytes(), key, offset);
  FUZZ_CLAIM(std::equal(input.begin(), input.end(), whole.bytes().begin()));
  kindwire::mask(whole.bytes(), key, offset);
  for (island* each : {&whole, &copy})
    FUZZ_CLAIM(each->is_intact() && std::equal(expected.begin(), expected.end(), each->bytes().begin()));

  std::size_t at = 0;
  fuzz::in_pieces(input, cut, [&](std::span<std::byte> piece) {
    kindwire::mask(piece, key, offset + at);
    FUZZ_CLAIM(std::equal(piece.begin(), piece.end(), expected.begin() + static_cast<std::ptrdiff_t>(at)));
    at += piece.size();
  });
  return 0;
}
