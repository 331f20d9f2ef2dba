// An HTTP request as a server sees it: the request line, the header fields, and what they say about the
// upgrade. RFC 9110, RFC 9112 §3, RFC 6455 §4.2.1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "authority.hpp"
#include "endpoint.hpp"
#include "head.hpp"
#include "headers.hpp"
#include "peer_certificate.hpp"
#include "percent.hpp"

namespace kindwire {

/// What a router found in the path: each parameter's name and its decoded value.
using path_parameters = std::vector<std::pair<std::string, std::string>>;

/// A request with a valid head, exactly one valid Host, and no body. An HTTP/1.0 request may have no Host.
///
/// It owns its bytes: copies are independent. Views are valid until it is assigned to, moved or destroyed.
/// Reading is thread safe.
class request {
 public:
  /// An empty request; parse() and server_handshake make real ones.
  request() = default;

  /// Makes a request from a head that is ready, which is moved from. Errors: error::http_target (neither a
  /// path nor an http URI), error::http_host, error::http_body.
  static std::error_code from(head_parser&& head, request& result);

  /// A whole request from text, as for tests. Errors: those of head_parser and from(); also
  /// error::http_malformed if the head does not end exactly with the text.
  static std::error_code parse(std::string_view text, request& result) {
    head_parser head{head_parser::kind::request};
    if (head.put(text) != text.size() || head.status() == handshake_status::reading) {
      return kindwire::error::http_malformed;
    }
    if (head.status() == handshake_status::failed) return head.error();
    return from(std::move(head), result);
  }

  /// The x of HTTP/1.x.
  unsigned minor_version() const noexcept { return minor_version_; }
  /// `GET`, …; case-sensitive.
  std::string_view method() const noexcept { return method_; }
  /// The target as it was sent: a path with its query, or a whole http URI (RFC 9112 §3.2).
  std::string_view target() const noexcept { return target_; }
  /// The path as it was sent, still percent-encoded, without the query. Begins with `/`.
  std::string_view path() const noexcept {
    return path_size_ == 0 ? std::string_view{"/"}
                           : std::string_view{target_}.substr(path_begin_, path_size_);
  }
  /// What follows the `?`, as it was sent; empty without one.
  std::string_view query() const noexcept {
    std::size_t const end = path_begin_ + path_size_;
    return end < target_.size() ? std::string_view{target_}.substr(end + 1) : std::string_view{};
  }
  /// The value of the first query parameter of that name, decoded (`%xx`, and `+` for a space). It may
  /// contain any byte. Empty for a parameter without `=`, nothing if there is no such parameter.
  std::optional<std::string> query(std::string_view name) const;

  /// The value of the first header field of that name, which is compared ignoring case.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    return headers_.first(name);
  }
  kindwire::headers const& headers() const noexcept { return headers_; }

  /// Host and port that the client asked for: from the target if that is a whole URI (RFC 9112 §3.2.2), else
  /// from Host. Empty if an HTTP/1.0 request has none.
  std::string_view host() const noexcept {
    if (authority_size_ != 0) return std::string_view{target_}.substr(authority_begin_, authority_size_);
    return headers_.first("Host").value_or(std::string_view{});
  }
  /// The Origin field; nothing if it is absent or occurs more than once. See check_origin().
  std::optional<std::string_view> origin() const noexcept { return headers_.only("Origin"); }

  /// The subprotocols that the client offers, in its order of preference; none if the list is malformed.
  std::vector<std::string_view> subprotocols() const {
    return headers_.tokens("Sec-WebSocket-Protocol").value_or(std::vector<std::string_view>{});
  }

  /// True if it asks for an upgrade to WebSocket; in HTTP/1.0 nothing does (RFC 9110 §7.8). check_upgrade()
  /// says whether it follows the rules.
  bool is_upgrade() const noexcept {
    return minor_version_ != 0 && headers_.has_token("Upgrade", "websocket") &&
           headers_.has_token("Connection", "upgrade");
  }

  /// The decoded value of a `{name}` of the route that matched; empty if it has none of that name. It may
  /// contain any byte except NUL, even `/`.
  std::string_view parameter(std::string_view name) const noexcept {
    for (auto const& [key, value] : parameters_) {
      if (key == name) return value;
    }
    return {};
  }
  path_parameters const& parameters() const noexcept { return parameters_; }
  /// For routers.
  void set_parameters(path_parameters parameters) noexcept { parameters_ = std::move(parameters); }

  /// Where it came from: the address of the client or of the proxy in front of us, as far as the stream knows
  /// it. What a proxy says about the client is in the header fields.
  endpoint const& remote_endpoint() const noexcept { return remote_endpoint_; }
  /// For drivers.
  void set_remote_endpoint(endpoint from) noexcept { remote_endpoint_ = std::move(from); }

  /// True if the connection itself is TLS, whatever a proxy may have in front of it.
  bool is_secure() const noexcept { return secure_; }
  /// The certificate that the client has shown; null if it has none, or was not asked.
  kindwire::peer_certificate const* peer_certificate() const noexcept { return peer_certificate_.get(); }
  /// For drivers: that it came by TLS.
  void set_secure(std::shared_ptr<kindwire::peer_certificate const> peer = nullptr) noexcept {
    secure_ = true;
    peer_certificate_ = std::move(peer);
  }

 private:
  bool split_target() noexcept;

  std::string method_;
  std::string target_;
  unsigned minor_version_ = 1;
  kindwire::headers headers_;
  path_parameters parameters_;
  endpoint remote_endpoint_;
  std::shared_ptr<kindwire::peer_certificate const> peer_certificate_;
  bool secure_ = false;
  // Positions in target_.
  std::size_t authority_begin_ = 0;
  std::size_t authority_size_ = 0;
  std::size_t path_begin_ = 0;
  std::size_t path_size_ = 0;
};

namespace detail {

// RFC 9112 §3.2: exactly one Host, or the request is answered with 400. HTTP/1.0 did not define Host; ab and
// nginx send one, others do not.
inline bool has_valid_host(headers const& fields, unsigned minor_version) noexcept {
  if (minor_version == 0 && fields.count("Host") == 0) return true;
  std::optional<std::string_view> const host = fields.only("Host");
  return host && parse_authority(*host);
}

// No request that we answer needs a body, and an unread one would be taken for frames. Transfer-Encoding is
// refused whatever it says, Content-Length unless it is a single 0 (RFC 9112 §6).
inline bool has_body(headers const& fields) noexcept {
  if (fields.count("Transfer-Encoding") != 0) return true;
  return fields.count("Content-Length") != 0 && fields.only("Content-Length") != "0";
}

}  // namespace detail

inline std::error_code request::from(head_parser&& head, request& result) {
  request fresh;
  fresh.method_ = head.method();
  fresh.target_ = head.target();
  fresh.minor_version_ = head.minor_version();
  fresh.headers_ = head.take_headers();
  if (!fresh.split_target()) return kindwire::error::http_target;
  if (!detail::has_valid_host(fresh.headers_, fresh.minor_version_)) return kindwire::error::http_host;
  if (detail::has_body(fresh.headers_)) return kindwire::error::http_body;
  result = std::move(fresh);
  return {};
}

// origin-form or absolute-form (RFC 9112 §3.2.1, §3.2.2). The other forms are for CONNECT and OPTIONS.
inline bool request::split_target() noexcept {
  std::string_view const text = target_;
  if (!text.starts_with('/')) {
    std::size_t const scheme = text.find("://");
    if (scheme == std::string_view::npos) return false;
    if (!detail::names_any_of(text.substr(0, scheme), {"http", "https"})) return false;
    authority_begin_ = scheme + 3;
    path_begin_ = (std::min)(text.find_first_of("/?", authority_begin_), text.size());
    authority_size_ = path_begin_ - authority_begin_;
    if (!detail::parse_authority(text.substr(authority_begin_, authority_size_))) return false;
  }
  path_size_ = (std::min)(text.find('?', path_begin_), text.size()) - path_begin_;
  return true;
}

inline std::optional<std::string> request::query(std::string_view name) const {
  std::string_view rest = query();
  while (!rest.empty()) {
    std::size_t const end = (std::min)(rest.find('&'), rest.size());
    std::string_view const pair = rest.substr(0, end);
    std::size_t const equals = (std::min)(pair.find('='), pair.size());
    if (!pair.empty() && detail::form_decode(pair.substr(0, equals)) == name) {
      return detail::form_decode(equals < pair.size() ? pair.substr(equals + 1) : std::string_view{});
    }
    rest.remove_prefix((std::min)(end + 1, rest.size()));
  }
  return std::nullopt;
}

}  // namespace kindwire
