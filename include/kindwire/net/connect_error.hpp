// What the awaitable forms of connect() and handshake() throw.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../handshake/response.hpp"

namespace kindwire::net {

/// Why no websocket was opened: code() is the error that the other forms complete with; what() adds the
/// server's answer, on one line: `server refused the WebSocket connection: 403 Forbidden`, `malformed HTTP
/// head: "SSH-2.0-OpenSSH_9.2\r\n"`.
///
/// Copies share their contents.
class connect_error : public std::system_error {
 public:
  connect_error(std::error_code why, response answer)
      : std::system_error(why), held_(std::make_shared<held const>(std::move(answer), why)) {}

  char const* what() const noexcept override { return held_->text.c_str(); }

  /// The server's answer. With error::handshake_refused: its status, header fields and as much of its body as
  /// arrived. The status is 0 if no HTTP arrived; the body is then what the server sent instead, as in
  /// client_handshake::server_said(), or empty.
  response const& answer() const noexcept { return held_->answer; }

 private:
  struct held {
    held(response from, std::error_code why) : answer(std::move(from)), text(why.message()) {
      if (answer.status != 0) {
        text += ": " + std::to_string(answer.status);
        if (auto const phrase = reason_phrase(answer.status); !phrase.empty()) (text += ' ') += phrase;
      } else if (!answer.body.empty()) {
        text += ": \"" + answer.body + '"';
      }
    }
    response answer;
    std::string text;
  };

  std::shared_ptr<held const> held_;
};

}  // namespace kindwire::net
