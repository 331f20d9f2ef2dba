// A proxy as a URI names it, and the servers that are reached without one.
#pragma once

#include <algorithm>
#include <asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "../../handshake/authority.hpp"
#include "../../handshake/grammar.hpp"
#include "../../handshake/uri.hpp"
#include "../../handshake/user_info.hpp"

namespace kindwire::net::detail {

enum class proxy_kind : std::uint8_t {
  http,     // CONNECT
  https,    // CONNECT over TLS
  socks5,   // the server's name is resolved here
  socks5h,  // and here by the proxy
};

struct proxy_address {
  proxy_kind kind = proxy_kind::http;
  std::string host;
  std::uint16_t port = 80;
  kindwire::detail::user_info credentials;

  bool is_socks() const noexcept { return kind == proxy_kind::socks5 || kind == proxy_kind::socks5h; }

  // `[scheme://][user[:password]@]host[:port][/]`, as curl and others take it; without a scheme it is http.
  static std::optional<proxy_address> parse(std::string_view text) {
    proxy_address result;
    std::string_view scheme = "http";
    if (std::size_t const end = text.find("://"); end != std::string_view::npos) {
      scheme = text.substr(0, end);
      text.remove_prefix(end + 3);
    }
    auto const is = [&](std::string_view name) {
      return kindwire::detail::equal_ignoring_case(scheme, name);
    };
    if (is("https")) {
      result.kind = proxy_kind::https;
      result.port = 443;
    } else if (is("socks5") || is("socks5h")) {
      result.kind = is("socks5") ? proxy_kind::socks5 : proxy_kind::socks5h;
      result.port = 1080;
    } else if (!is("http")) {
      return std::nullopt;
    }
    if (text.ends_with('/')) text.remove_suffix(1);
    if (std::size_t const at = text.rfind('@'); at != std::string_view::npos) {
      auto who = kindwire::detail::parse_user_info(text.substr(0, at));
      // RFC 7617 §2: the first colon ends the user.
      if (!who || (!result.is_socks() && who->user.find(':') != std::string::npos)) return std::nullopt;
      result.credentials = *std::move(who);
      text.remove_prefix(at + 1);
    }
    auto const where = kindwire::detail::parse_authority(text);
    if (!where) return std::nullopt;
    result.host = where->host;
    if (where->port != 0) result.port = where->port;
    return result;
  }
};

// The first `bits` of both addresses are the same.
inline bool same_network(asio::ip::address const& left, asio::ip::address const& right, std::size_t bits) {
  if (left.is_v4() != right.is_v4()) return false;
  auto const same = [bits](auto const& one, auto const& other) {
    for (std::size_t bit = 0; bit != (std::min)(bits, one.size() * 8); ++bit) {
      unsigned const differing = static_cast<unsigned>(one[bit / 8]) ^ static_cast<unsigned>(other[bit / 8]);
      if ((differing >> (7 - bit % 8) & 1u) != 0) return false;
    }
    return true;
  };
  return left.is_v4() ? same(left.to_v4().to_bytes(), right.to_v4().to_bytes())
                      : same(left.to_v6().to_bytes(), right.to_v6().to_bytes());
}

// One element of no_proxy: `*`; a name, with or without a dot or `*.` before it, for itself and all below it;
// an address; a network such as `10.0.0.0/8`. Names and addresses may have a port, which then is the only
// one.
inline bool bypasses(std::string_view element, uri const& to) {
  using kindwire::detail::equal_ignoring_case;
  if (element == "*") return true;
  std::error_code failure;
  std::string_view host = to.host;
  asio::ip::address const address = asio::ip::make_address(to.host, failure);
  bool const numeric = !failure;
  if (std::size_t const slash = element.find('/'); slash != std::string_view::npos) {
    auto const network = asio::ip::make_address(std::string(element.substr(0, slash)), failure);
    auto const bits = kindwire::detail::parse_port(element.substr(slash + 1));
    bool const any = element.substr(slash + 1) == "0";
    return numeric && !failure && (bits || any) && same_network(address, network, bits.value_or(0));
  }
  auto const alone = asio::ip::make_address(std::string(element), failure);  // IPv6 without brackets
  if (!failure) return numeric && address == alone;
  if (element.starts_with("*.")) element.remove_prefix(1);
  if (element.starts_with('.')) element.remove_prefix(1);
  if (element.ends_with('.')) element.remove_suffix(1);
  auto const listed = kindwire::detail::parse_authority(element);
  if (!listed || (listed->port != 0 && listed->port != to.port)) return false;
  auto const same = asio::ip::make_address(std::string(listed->host), failure);
  if (!failure) return numeric && address == same;
  if (host.ends_with('.')) host.remove_suffix(1);
  if (numeric || host.size() < listed->host.size()) return false;
  std::size_t const rest = host.size() - listed->host.size();
  return equal_ignoring_case(host.substr(rest), listed->host) && (rest == 0 || host[rest - 1] == '.');
}

// The same for the whole list: commas or spaces are between its elements.
inline bool bypasses_any(std::string_view list, uri const& to) {
  while (!list.empty()) {
    std::size_t const end = (std::min)(list.find_first_of(", \t"), list.size());
    if (end != 0 && bypasses(list.substr(0, end), to)) return true;
    list.remove_prefix((std::min)(end + 1, list.size()));
  }
  return false;
}

}  // namespace kindwire::net::detail
