// kindwire's session with igzip in place of zlib, at the level that is its own default.
#include <kindwire/deflate/igzip.hpp>

#include "our_end.hpp"
#include "parties.hpp"

namespace bench {
namespace {

compressing_ends const ends("igzip", [](agreement const& on) {
  kw::deflate::options choice = kw::deflate::igzip();
  choice.context_takeover = choice.peer_context_takeover = on.context_takeover;
  auto result = std::make_unique<our_end>(choice, on);
  result->only_sends = true;  // what comes is inflated by zlib
  return result;
});

}  // namespace
}  // namespace bench
