// The proxy that a client goes through.
#pragma once

#include "requirements.hpp"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../handshake/uri.hpp"
#include "connecting/proxy_address.hpp"

namespace kindwire::net {

/// Which proxy to go through to which server; none by default. Copies share their contents. Thread safe.
class proxy {
 public:
  proxy() noexcept = default;

  /// A proxy for all servers but those in `except`, a list like that of no_proxy: see from_environment().
  /// `to` is `http://host:port` (CONNECT, RFC 9110 §9.3.6), `https://…` for the same over TLS, `socks5://…`
  /// (RFC 1928) with names resolved here, whose addresses the proxy is asked for in turn (see
  /// connect_options::connect_timeout), or `socks5h://…` with names resolved by the proxy; with
  /// `user:password@` before the host where it asks for that (Basic, RFC 1929). The default ports are 80, 443
  /// and 1080. Throws std::system_error with error::invalid_proxy for anything else; what() does not repeat
  /// it.
  explicit proxy(std::string_view to, std::string_view except = {}) {
    auto const address = read(to, "proxy");
    held_ = std::make_shared<held const>(held{address, address, std::string(except)});
  }

  /// The proxies of the environment as it is now, by curl's rules: `http_proxy` for ws://, `https_proxy` for
  /// wss://, `all_proxy` for either if that is not there; in lower case first, then in upper case, but never
  /// `HTTP_PROXY`, which a request sets in a CGI program. An empty one counts as absent, but, unlike with
  /// curl, hides the one in upper case. `no_proxy` lists what is reached without: `*`, a name for itself and
  /// all names below it, an address, a network such as `10.0.0.0/8`; a port may follow a name or an address.
  ///
  /// Throws as above, and what() names the variable. Reading the environment is not safe while another thread
  /// changes it.
  static proxy from_environment() {
    auto const all = variable("all_proxy", "ALL_PROXY");
    auto const chosen = [&](variable const& own) { return own.text.empty() ? all : own; };
    variable const plain = chosen(variable("http_proxy", nullptr));
    variable const secure = chosen(variable("https_proxy", "HTTPS_PROXY"));
    proxy result;
    if (plain.text.empty() && secure.text.empty()) return result;
    held found{{}, {}, std::string(variable("no_proxy", "NO_PROXY").text)};
    if (!plain.text.empty()) found.plain = read(plain.text, plain.name);
    if (!secure.text.empty()) found.secure = read(secure.text, secure.name);
    result.held_ = std::make_shared<held const>(std::move(found));
    return result;
  }

  // For the client: null without a proxy; valid as long as a copy of this.
  detail::proxy_address const* address_for(uri const& to) const {
    if (!held_) return nullptr;
    auto const& found = to.secure ? held_->secure : held_->plain;
    return found && !detail::bypasses_any(held_->except, to) ? &*found : nullptr;
  }

 private:
  struct held {
    std::optional<detail::proxy_address> plain;
    std::optional<detail::proxy_address> secure;
    std::string except;
  };
  struct variable {
    variable(char const* lower, char const* upper) : name(lower) {
      char const* found = std::getenv(lower);
      if (found == nullptr && upper != nullptr) found = std::getenv(name = upper);
      if (found != nullptr) text = found;
    }
    char const* name;
    std::string_view text;
  };

  static detail::proxy_address read(std::string_view text, char const* name) {
    auto found = detail::proxy_address::parse(text);
    if (!found) throw std::system_error(error::invalid_proxy, name);
    return *std::move(found);
  }

  std::shared_ptr<held const> held_;
};

}  // namespace kindwire::net
