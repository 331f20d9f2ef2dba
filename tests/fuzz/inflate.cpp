// Any bytes as compressed messages, cut anywhere, into rooms of any size: what comes out is what zlib makes
// of each in one call, or the stream is refused.
#include <kindwire/deflate/inflater.hpp>

#include <memory>
#include <optional>

#include "deflate/zlib_reference.hpp"
#include "fuzz.hpp"

namespace {

using kindwire::deflate::detail::inflater;

std::optional<support::bytes> inflated(inflater& context, support::bytes const& coded, unsigned cut,
                                       std::size_t room) {
  support::bytes result;
  bool refused = false;
  std::size_t left = coded.size();
  auto const take = [&](std::span<std::byte const> piece) {
    left -= piece.size();
    while (!refused) {
      support::bytes place(room);
      std::span<std::byte> rest = place;
      refused = context.inflate(piece, rest, left == 0) != kindwire::error{};
      result.insert(result.end(), place.begin(), place.end() - static_cast<std::ptrdiff_t>(rest.size()));
      if (!rest.empty()) break;
    }
    FUZZ_CLAIM(refused || piece.empty());
  };
  if (coded.empty()) take({});
  fuzz::in_pieces(coded, cut, take);
  return refused ? std::nullopt : std::optional(result);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::source from(data, size);
  unsigned const cut = from.byte();
  std::size_t const room = 1 + from.byte() * (from.flag() ? 100u : 1u);
  bool const keeps = from.flag();
  auto const context = inflater::make(15);
  support::reference_inflater reference;
  while (!from.empty()) {
    support::bytes const coded = from.take(from.byte());
    if (!keeps) {
      context->reset();
      reference.reset();
    }
    auto const expected = reference.message(coded);
    if (expected && expected->size() > 1'000'000) break;  // more than the reference has room for
    FUZZ_CLAIM(inflated(*context, coded, cut, room) == expected);
    if (!expected) break;
  }
  return 0;
}
