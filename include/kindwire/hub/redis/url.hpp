// Where Redis is, and who asks: the URL of a redis_backplane.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../handshake/percent.hpp"

namespace kindwire::detail {

struct redis_address {
  std::string host;
  std::string port;
  std::string path;  // of a Unix socket, instead of both
  bool tls = false;

  bool operator==(redis_address const&) const = default;
};

struct redis_url {
  std::vector<redis_address> addresses;  // one, or the Sentinels
  std::string user;
  std::string password;
  std::string master;  // the name that the Sentinels know it by; empty: `addresses` is Redis itself
  unsigned database = 0;
};

class redis_url_parser {
 public:
  // Nothing if it is malformed. The text may contain a password: it is in no error, and not kept.
  static std::optional<redis_url> parse(std::string_view text) {
    redis_url url;
    if (skip(text, "unix://")) return parse_unix(text, std::move(url));
    bool const tls = skip(text, "rediss://");
    bool const sentinel = !tls && skip(text, "redis+sentinel://");
    if (!tls && !sentinel && !skip(text, "redis://")) return std::nullopt;
    std::string_view const authority = text.substr(0, text.find_first_of("/?#"));
    std::string_view path = text.substr(authority.size());
    if (path.find_first_of("?#") != path.npos) return std::nullopt;
    std::string_view hosts = authority;
    if (std::size_t const at = authority.rfind('@'); at != authority.npos) {
      if (!parse_user(authority.substr(0, at), url)) return std::nullopt;
      hosts = authority.substr(at + 1);
    }
    while (true) {
      std::size_t const comma = sentinel ? hosts.find(',') : hosts.npos;
      auto address = parse_host(hosts.substr(0, comma), sentinel ? "26379" : "6379");
      if (!address) return std::nullopt;
      address->tls = tls;
      url.addresses.push_back(std::move(*address));
      if (comma == hosts.npos) break;
      hosts.remove_prefix(comma + 1);
    }
    if (!path.empty()) path.remove_prefix(1);
    if (sentinel) {
      auto name = percent_decode(path.substr(0, path.find('/')));
      if (!name || name->empty()) return std::nullopt;
      url.master = std::move(*name);
      path.remove_prefix((std::min)(path.find('/'), path.size() - 1) + 1);
    }
    return parse_database(path, url) ? std::optional(std::move(url)) : std::nullopt;
  }

 private:
  static bool skip(std::string_view& text, std::string_view start) noexcept {
    if (!text.starts_with(start)) return false;
    text.remove_prefix(start.size());
    return true;
  }

  // unix://[user[:password]@]/path
  static std::optional<redis_url> parse_unix(std::string_view text, redis_url url) {
    std::size_t const slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    if (slash != 0) {
      if (text[slash - 1] != '@' || !parse_user(text.substr(0, slash - 1), url)) return std::nullopt;
      text.remove_prefix(slash);
    }
    auto path = percent_decode(text);
    if (!path || path->size() < 2 || path->find('\0') != path->npos) return std::nullopt;
    url.addresses.push_back({.host = {}, .port = {}, .path = std::move(*path)});
    return url;
  }

  static bool parse_user(std::string_view text, redis_url& url) {
    std::size_t const colon = text.find(':');
    auto user = percent_decode(text.substr(0, colon));
    auto password = percent_decode(colon == text.npos ? std::string_view() : text.substr(colon + 1));
    if (!user || !password) return false;
    url.user = std::move(*user);
    url.password = std::move(*password);
    return true;
  }

  static std::optional<redis_address> parse_host(std::string_view text, std::string_view port) {
    std::string_view host = text;
    if (text.starts_with('[')) {  // RFC 3986 §3.2.2: an IPv6 address
      std::size_t const end = text.find(']');
      if (end == text.npos) return std::nullopt;
      host = text.substr(1, end - 1);
      text.remove_prefix(end + 1);
      if (!text.empty() && text[0] != ':') return std::nullopt;
    } else {
      host = text.substr(0, text.find(':'));
      text.remove_prefix(host.size());
    }
    if (text.size() > 1) port = text.substr(1);
    unsigned number = 0;
    auto const [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
    bool const is_port = failure == std::errc{} && end == port.data() + port.size() && number - 1 < 65535;
    auto name = percent_decode(host);
    bool const is_one = host.find(',') == host.npos;  // several are for Sentinel alone
    if (!is_port || !is_one || !name || name->empty() || name->find('\0') != name->npos) return std::nullopt;
    return redis_address{.host = std::move(*name), .port = std::string(port), .path = {}};
  }

  static bool parse_database(std::string_view text, redis_url& url) noexcept {
    if (text.empty()) return true;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), url.database);
    return failure == std::errc{} && end == text.data() + text.size() && url.database < 1000000;
  }
};

}  // namespace kindwire::detail
