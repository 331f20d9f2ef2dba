// The addresses that a client has tried, for people.
#pragma once

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "connect_race.hpp"

namespace kindwire::net::detail {

// As in a URI.
inline std::string authority_of(std::string const& host, std::uint16_t port) {
  bool const bracketed = host.find(':') != std::string::npos;
  return (bracketed ? '[' + host + ']' : host) + ':' + std::to_string(port);
}
inline std::string authority_of(asio::ip::tcp::endpoint const& of) {
  return authority_of(of.address().to_string(), of.port());
}

// A host may have any number of addresses; a line has not.
template <class Each, class Words>
std::string listed(std::vector<Each> const& all, Words words) {
  constexpr std::size_t most = 4;
  std::string result;
  for (std::size_t i = 0; i != (std::min)(all.size(), most); ++i)
    result += (i == 0 ? "" : "; ") + words(all[i]);
  if (all.size() > most) result += "; and " + std::to_string(all.size() - most) + " more";
  return result;
}

inline std::string words_of(std::vector<asio::ip::tcp::endpoint> const& all) {
  return listed(all, [](auto const& each) { return authority_of(each); });
}
inline std::string words_of(std::vector<failed_endpoint<asio::ip::tcp::endpoint>> const& all) {
  return listed(all, [](auto const& each) { return authority_of(each.to) + ": " + each.why.message(); });
}

// Why it failed: `why`, after the addresses that were tried, or else the place where it did.
inline std::string failure_text(std::string const& tried, std::string const& place, std::string const& why) {
  if (!tried.empty()) return "connection to " + tried + (tried.ends_with(why) ? "" : ": " + why);
  return place.empty() ? why : place + ": " + why;
}

}  // namespace kindwire::net::detail
