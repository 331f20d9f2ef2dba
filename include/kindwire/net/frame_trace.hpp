// Prints what goes over connections, head by head and frame by frame.
//
//     kw::net::frame_trace trace{std::cerr};
//     kw::net::server server{{.port = 8080, .observer = trace}};      // connect_options has the same
//
//     - < 127.0.0.1:51234 GET /chat/ann?token=1 HTTP/1.1
//     - < 127.0.0.1:51234 Host: 127.0.0.1:8080
//     …
//     - > 127.0.0.1:51234 HTTP/1.1 101 Switching Protocols
//     …
//     #7 opened on a server, peer 127.0.0.1:51234, target "/chat/ann?token=1"
//     #7 < TEXT fin masked 5 bytes: "hello"
//     #7 > TEXT fin 5000 bytes: "{\"kind\":\"SAID\",\"who\":\"ann\",\"text"...
//     #7 < CLOSE fin masked 5 bytes: 1000 normal closure "bye"
//     #7 closed by peer, 1000 normal closure
#pragma once

#include "requirements.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "../frame/escaped.hpp"
#include "../frame/header.hpp"
#include "../handshake/endpoint.hpp"
#include "../handshake/grammar.hpp"
#include "../message/close.hpp"
#include "../message/print.hpp"
#include "connection/frame_watch.hpp"
#include "observer.hpp"
#include "observing/line_sink.hpp"

namespace kindwire::net {

namespace detail {

class tracing_observer final : public observer {
 public:
  // One byte more of a payload is there than is shown, so that it can be seen that there is more.
  static constexpr std::size_t most_shown = frame_watch::kept - 1;

  tracing_observer(line_writer write, std::size_t most)
      : lines(std::move(write)), most_((std::min)(most, most_shown)) {}

  bool wants_frames() const noexcept override { return true; }

  void frame(connection_facts const& of, direction way, frame_header const& header,
             std::span<std::byte const> beginning) noexcept override {
    put(of, [&](std::string& line) {
      (line += way == direction::received ? "< " : "> ") += to_string(header, beginning, most_);
    });
  }

  void head(handshake_head const& what) noexcept override {
    for (std::string_view rest = what.text; !rest.empty();) {
      std::string_view const text = rest.substr(0, rest.find("\r\n"));
      rest.remove_prefix((std::min)(rest.size(), text.size() + 2));
      lines.put([&](std::string& line) {
        line += what.way == direction::received ? "- < " : "- > ";
        (line += to_string(what.remote)) += ' ';
        append_head_line(line, text);
      });
    }
  }

  void opened(connection_facts const& of) noexcept override {
    put(of, [&](std::string& line) {
      line += of.self == role::server ? "opened on a server, peer " : "opened on a client, peer ";
      (line += to_string(of.remote)) += ", target ";
      append_bounded(line, of.target, most_shown);
    });
  }

  void closed(connection_facts const& of, connection_end const& how) noexcept override {
    put(of, [&](std::string& line) {
      ((line += "closed by ") += to_string(how.by)) += ", ";
      line += to_string(how.code());
      if (how.error) (line += ", ") += how.error.message();
    });
  }

  void handshake_failed(failed_handshake const& what) noexcept override {
    lines.put([&](std::string& line) {
      line +=
          what.self == role::server ? "- not opened on a server, peer " : "- not opened on a client, peer ";
      (line += to_string(what.remote)) += ", target ";
      append_bounded(line, what.target, most_shown);
      if (what.status != 0) (line += ", status ") += std::to_string(what.status);
      (line += ", ") += to_string(what.reason);
      if (what.error) (line += ": ") += what.error.message();
    });
  }

  line_sink lines;

 private:
  // But for what is said in confidence.
  static void append_head_line(std::string& line, std::string_view text) {
    std::string_view const name = text.substr(0, text.find(':'));
    bool secret = false;
    for (std::string_view const each : {"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"})
      secret = secret || kindwire::detail::equal_ignoring_case(name, each);
    std::string_view const shown = text.substr(0, secret ? name.size() : most_of_head);
    kindwire::detail::append_escaped(line, shown);
    line += secret ? ": (not shown)" : text.size() > shown.size() ? "..." : "";
  }

  static constexpr std::size_t most_of_head = 1000;  // bytes of a line

  template <class Make>
  void put(connection_facts const& of, Make make) noexcept {
    lines.put([&](std::string& line) {
      ((line += '#') += std::to_string(of.number)) += ' ';
      make(line);
    });
  }

  std::size_t most_;
};

}  // namespace detail

/// Prints each opening handshake, each connection and each of its frames as above: `<` was received, `>` was
/// sent, which for a frame is when the stream has taken it. For debugging: it shows what is said, secrets
/// included, but for the values of Authorization, Proxy-Authorization, Cookie and Set-Cookie, and costs more
/// than the connection itself. Everything that a peer chooses is escaped, so that nobody can forge a line.
///
/// A handle: copies are the same trace. Thread safe. It may go before the server; what it writes to may not,
/// until all connections have ended.
class frame_trace {
 public:
  /// Calls `write` with each line, without a line feed; by one thread at a time, on a connection's executor.
  /// It must not end a connection that is traced here, nor use one. At most `most` bytes of a payload are
  /// shown, up to 255.
  explicit frame_trace(std::function<void(std::string_view)> write, std::size_t most = 60)
      : trace_(std::make_shared<detail::tracing_observer>(detail::lines_to(std::move(write)), most)) {}
  /// Writes to a std::ostream, such as std::cerr, and flushes it.
  template <line_stream Stream>
  explicit frame_trace(Stream& to, std::size_t most = 60)
      : trace_(std::make_shared<detail::tracing_observer>(detail::lines_to(to), most)) {}

  /// For server_options::observer, connect_options::observer and observers().
  operator std::shared_ptr<observer>() const noexcept { return trace_; }

  /// How many lines could not be made or written.
  std::uint64_t lost() const noexcept { return trace_->lines.lost(); }

 private:
  std::shared_ptr<detail::tracing_observer> trace_;
};

}  // namespace kindwire::net
