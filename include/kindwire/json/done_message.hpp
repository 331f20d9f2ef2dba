// What a peer is told whose question needs no other answer: a message itself.
#pragma once

#include "schema.hpp"

namespace kindwire {

/// `{"kind":"DONE"}`: it was done. serve() sends it where handlers return nothing, if
/// serve_options::acknowledge says so; `co_await ws.request<kw::done_message>(…)` awaits it.
struct done_message {
  static constexpr auto schema = kind("DONE");
};

}  // namespace kindwire
