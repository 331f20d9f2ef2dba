// What a client asks for after a redirect, and what it does not take along: RFC 9110 §15.4.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "../../handshake/grammar.hpp"
#include "../../handshake/headers.hpp"
#include "../../handshake/location.hpp"
#include "../../handshake/response.hpp"
#include "../../handshake/uri.hpp"
#include "../connect_options.hpp"

namespace kindwire::net::detail {

constexpr bool is_redirect(unsigned status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Secrets of one origin, and its name.
inline bool is_for_one_origin(std::string_view name) noexcept {
  constexpr std::string_view prefix = "Proxy-";
  return kindwire::detail::names_any_of(name, {"Authorization", "Cookie", "Host"}) ||
         kindwire::detail::equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// Where `answer` leads, with what must not go there taken out of `options`. Nothing if it must not be
// followed.
inline std::optional<uri> redirected(uri const& from, response const& answer, connect_options& options) {
  auto const is_location = [](auto const& field) {
    return kindwire::detail::equal_ignoring_case(field.first, "Location");
  };
  auto const& fields = answer.headers;
  // Two are one too many: who checks the first must not be led by the second.
  if (std::count_if(fields.begin(), fields.end(), is_location) != 1) return std::nullopt;
  auto to = resolve_location(from, std::find_if(fields.begin(), fields.end(), is_location)->second);
  if (!to || (from.secure && !to->secure)) return std::nullopt;
  if (!same_origin(from, *to)) {
    if (to->secure && options.tls && !options.tls->suits_any_origin()) return std::nullopt;
    auto const secret = [](auto const& field) { return is_for_one_origin(field.first); };
    auto& ours = options.headers;
    ours.erase(std::remove_if(ours.begin(), ours.end(), secret), ours.end());
    options.authorize = nullptr;
  }
  return to;
}

}  // namespace kindwire::net::detail
