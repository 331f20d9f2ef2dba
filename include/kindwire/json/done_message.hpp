// The answer to a question that needs no other: a message itself.
#pragma once

#include "schema.hpp"

namespace kindwire {

/// `{"kind":"DONE"}`: it is done. serve() sends it where handlers return nothing, if
/// serve_options::acknowledge says so; `co_await ws.request<kw::done_message>(…)` awaits it.
struct done_message {
  static constexpr auto schema = kind("DONE");
};

}  // namespace kindwire
