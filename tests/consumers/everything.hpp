// What both translation units of `whole` include: the layers' outermost headers.
#pragma once

#include <kindwire/documents/asyncapi.hpp>
#include <kindwire/documents/typescript.hpp>
#include <kindwire/exchange/correspondent.hpp>
#include <kindwire/exchange/serve.hpp>
#include <kindwire/json/dispatcher.hpp>
#include <kindwire/json/dynamic_dispatcher.hpp>
#include <kindwire/kindwire.hpp>
#include <kindwire/net/client.hpp>
#include <kindwire/net/server.hpp>

#include <string_view>

struct progress {
  double value;
  static constexpr auto schema = kindwire::kind("PROGRESS", kindwire::field("value", &progress::value));
};

struct finish {
  static constexpr auto schema = kindwire::kind("FINISH");
};

/// What the second translation unit reads from a PROGRESS; -1 if the text is none.
double second_reading(std::string_view text);

/// A server made by the second translation unit, not started.
bool second_server();
