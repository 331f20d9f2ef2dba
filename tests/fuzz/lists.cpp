// URIs, origins, header lists and extension lists: what is taken survives being written and read again.
#include <kindwire/handshake/extension.hpp>
#include <kindwire/handshake/origin.hpp>
#include <kindwire/handshake/percent.hpp>
#include <kindwire/handshake/uri.hpp>

#include "fuzz.hpp"

namespace kw = kindwire;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const text(reinterpret_cast<char const*>(data), size);
  if (auto const uri = kw::uri::parse(text)) {
    FUZZ_CLAIM(uri->port != 0 && uri->target.starts_with('/'));
    auto const again = kw::uri::parse((uri->secure ? "wss://" : "ws://") + uri->authority() + uri->target);
    FUZZ_CLAIM(again && again->host == uri->host && again->port == uri->port && again->target == uri->target);
  }
  if (auto const list = kw::parse_extensions(text)) {
    auto const again = kw::parse_extensions(kw::format_extensions(*list));
    FUZZ_CLAIM(again && again->size() == list->size());
  }
  kw::parse_origin(text);
  kw::percent_decode(text);
  return 0;
}
