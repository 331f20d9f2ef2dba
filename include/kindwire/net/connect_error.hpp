// Why no websocket was opened, and how far the way to it had come.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../handshake/response.hpp"

namespace kindwire::net {

/// Where an opening failed.
enum class connect_phase : std::uint8_t {
  uri,         ///< the URI, or an option that no request can be made of
  name,        ///< the host was not found
  connection,  ///< no address took the connection
  proxy,       ///< the proxy was not reached, or did not connect us
  tls,         ///< the TLS handshake with the server, its certificate for one
  handshake,   ///< the opening handshake: the server broke a rule, or was lost
  refusal,     ///< the server answered, but not with 101; or its redirect leads nowhere
};

constexpr std::string_view to_string(connect_phase of) noexcept {
  switch (of) {
    case connect_phase::uri: return "uri";
    case connect_phase::name: return "name";
    case connect_phase::connection: return "connection";
    case connect_phase::proxy: return "proxy";
    case connect_phase::tls: return "tls";
    case connect_phase::handshake: return "handshake";
    case connect_phase::refusal: return "refusal";
  }
  return "unknown";
}

/// What is known of a failed opening. Nothing in it is a credential of ours.
struct connect_failure {
  connect_phase phase = connect_phase::uri;
  std::error_code code = {};
  /// One line: the phase, what was tried and the system's word: `connection to [::1]:9: Connection refused`,
  /// `name example.invalid: Host not found (authoritative)`; what the server said instead stands alone.
  std::string text = {};
  /// The server's answer, or the proxy's with connect_phase::proxy: see connect_error::answer().
  response answer{0, {}, {}};
};

/// What the awaitable forms of connect() and handshake() throw: code() is the error that the other forms
/// complete with; what() is the text of the failure and the answer, on one line: `server refused the
/// WebSocket connection: 403 Forbidden`, `malformed HTTP head: "SSH-2.0-OpenSSH_9.2\r\n"`.
///
/// Copies share their contents.
class connect_error : public std::system_error {
 public:
  explicit connect_error(connect_failure why)
      : std::system_error(why.code), held_(std::make_shared<held const>(std::move(why))) {}

  char const* what() const noexcept override { return held_->text.c_str(); }
  connect_phase phase() const noexcept { return held_->why.phase; }

  /// The server's answer, or the proxy's. With error::handshake_refused and error::proxy_refused: its status,
  /// header fields and as much of its body as arrived. The status is 0 if no HTTP arrived; the body is then
  /// what came instead, as in client_handshake::server_said(), a SOCKS proxy's refusal in words, or empty.
  response const& answer() const noexcept { return held_->why.answer; }

 private:
  struct held {
    explicit held(connect_failure from) : why(std::move(from)), text(why.text) {
      response const& answer = why.answer;
      if (text.empty()) text = why.code.message();
      if (answer.status != 0) {
        text += ": " + std::to_string(answer.status);
        if (auto const phrase = reason_phrase(answer.status); !phrase.empty()) (text += ' ') += phrase;
      } else if (!answer.body.empty()) {
        text += ": \"" + answer.body + '"';
      }
    }
    connect_failure why;
    std::string text;
  };

  std::shared_ptr<held const> held_;
};

}  // namespace kindwire::net
