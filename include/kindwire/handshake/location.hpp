// Where a redirect leads: RFC 9110 §10.2.2, RFC 3986 §5.2.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "grammar.hpp"
#include "headers.hpp"
#include "uri.hpp"

namespace kindwire {

namespace detail {

// RFC 3986 §5.2.4, for a path that begins with a slash.
inline std::string without_dot_segments(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    std::size_t const slash = path.find('/', 1);
    std::string_view const segment = path.substr(0, slash);  // with the slash before it
    bool const last = slash == std::string_view::npos;
    path = last ? std::string_view{} : path.substr(slash);
    if (segment == "/..") result.resize(result.empty() ? 0 : result.rfind('/'));
    if (segment != "/." && segment != "/..") {
      result += segment;
    } else if (last) {
      result += '/';
    }
  }
  return result;
}

// The scheme of a reference, without its colon; empty for a relative one.
constexpr std::string_view scheme_of(std::string_view reference) noexcept {
  std::size_t const end = reference.find_first_of(":/?#");
  if (end == std::string_view::npos || reference[end] != ':' || !is_letter(reference.front())) return {};
  for (char const c : reference.substr(0, end)) {
    if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return {};
  }
  return reference.substr(0, end);
}

}  // namespace detail

/// The URI that a `Location` names for a request to `base`. It may be relative; `http` and `https` stand for
/// `ws` and `wss`; a fragment means nothing to a server and is left out. Credentials in it are left out too:
/// they would be the server's choice. Those of `base` stay if the origin does.
///
/// Nothing if it is malformed or of another scheme. Thread safe.
inline std::optional<uri> resolve_location(uri const& base, std::string_view location) {
  location = location.substr(0, location.find('#'));
  bool secure = base.secure;
  std::string_view const scheme = detail::scheme_of(location);
  if (!scheme.empty()) {
    secure = detail::names_any_of(scheme, {"https", "wss"});
    if (!secure && !detail::names_any_of(scheme, {"http", "ws"})) return std::nullopt;
    location.remove_prefix(scheme.size() + 1);
    if (!location.starts_with("//")) return std::nullopt;
  }
  std::string authority = base.authority();
  bool const names_host = location.starts_with("//");
  if (names_host) {
    location.remove_prefix(2);
    std::string_view named = location.substr(0, location.find_first_of("/?"));
    location.remove_prefix(named.size());
    if (std::size_t const at = named.rfind('@'); at != std::string_view::npos) named.remove_prefix(at + 1);
    authority = named;
  }
  std::string_view const base_path = std::string_view{base.target}.substr(0, base.target.find('?'));
  std::string_view path = location.substr(0, location.find('?'));
  std::string_view query = location.substr(path.size());
  std::string merged;
  if (path.empty() && !names_host) {
    merged = base_path;
    if (query.empty()) query = std::string_view{base.target}.substr(base_path.size());
  } else if (path.empty() || path.front() == '/') {
    merged = path.empty() ? "/" : detail::without_dot_segments(path);
  } else {
    merged = base_path.substr(0, base_path.rfind('/') + 1);
    merged = detail::without_dot_segments(merged += path);
  }
  std::string text = secure ? "wss://" : "ws://";
  text.append(authority).append(merged).append(query);
  std::optional<uri> result = uri::parse(text);
  if (result && same_origin(*result, base)) result->credentials = base.credentials;
  return result;
}

}  // namespace kindwire
