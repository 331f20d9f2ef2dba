// A log with a line for each connection.
//
//     kw::net::connection_log log{std::clog};
//     kw::net::server server{{.port = 8080, .observer = log}};
//
// clang-format off
//     time=2026-11-29T21:05:58.123Z event=closed connection=7 peer=127.0.0.1:51234 target="/chat/ann" by=peer code=1000 sent=1000 reason="bye" messages_in=3 bytes_in=120 messages_out=4 bytes_out=200 seconds=12.345
//     time=2026-11-29T21:05:59.001Z event=refused peer=127.0.0.1:51235 target="/caht" status=404 why=no_route
// clang-format on
#pragma once

#include "requirements.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../handshake/endpoint.hpp"
#include "../message/close.hpp"
#include "observer.hpp"
#include "observing/line_sink.hpp"

namespace kindwire::net {

namespace detail {

class logging_observer final : public observer {
 public:
  explicit logging_observer(line_writer write) : lines(std::move(write)) {}

  void closed(connection_facts const& of, connection_end const& how) noexcept override {
    lines.put([&](std::string& line) {
      begin(line, "closed");
      append_field(line, "connection", of.number);
      (line += " peer=") += to_string(of.remote);
      line += " target=";
      append_path(line, of.target);
      (line += " by=") += to_string(how.by);
      append_field(line, "code", static_cast<unsigned>(how.code()));
      if (how.sent != close_code::abnormal && how.by == closed_by::peer)
        append_field(line, "sent", static_cast<unsigned>(how.sent));
      if (how.received != close_code::abnormal && how.by == closed_by::us)
        append_field(line, "received", static_cast<unsigned>(how.received));
      if (!how.reason.empty()) append_bounded(line += " reason=", how.reason, 125);
      append_field(line, "messages_in", how.traffic.messages_received);
      append_field(line, "bytes_in", how.traffic.bytes_received);
      append_field(line, "messages_out", how.traffic.messages_sent);
      append_field(line, "bytes_out", how.traffic.bytes_sent);
      auto const took = std::chrono::duration_cast<std::chrono::milliseconds>(how.lasted).count();
      append_field(line, "seconds", took / 1000);
      (line += '.') += std::to_string(1000 + took % 1000).substr(1);
      append_error(line, how.error);
    });
  }

  void handshake_failed(failed_handshake const& what) noexcept override {
    lines.put([&](std::string& line) {
      begin(line, "refused");
      (line += " peer=") += to_string(what.remote);
      if (!what.target.empty()) append_path(line += " target=", what.target);
      if (what.status != 0) append_field(line, "status", what.status);
      (line += " why=") += to_string(what.reason);
      append_error(line, what.error);
    });
  }

  line_sink lines;

 private:
  static void begin(std::string& line, std::string_view event) {
    append_time(line += "time=", std::chrono::system_clock::now());
    (line += " event=") += event;
  }
  template <class Number>
  static void append_field(std::string& line, std::string_view name, Number value) {
    (((line += ' ') += name) += '=') += std::to_string(value);
  }
  static void append_error(std::string& line, std::error_code what) {
    if (what) append_bounded(line += " error=", what.message(), 200);
  }
};

}  // namespace detail

/// Logs each connection when it has ended, and each handshake that has failed, on a line of `name=value`
/// pairs as above. `target` is the path alone: a query may hold tokens. What a peer has said is in quotation
/// marks, bounded, with anything but printable ASCII escaped, so that nobody can forge a line.
///
/// A handle: copies are the same log. Thread safe. It may go before the server; what it writes to may not,
/// until all connections have ended.
class connection_log {
 public:
  /// Calls `write` with each line, without a line feed; by one thread at a time, on a connection's executor.
  /// It must not end a connection that is logged here.
  explicit connection_log(std::function<void(std::string_view)> write)
      : log_(std::make_shared<detail::logging_observer>(detail::lines_to(std::move(write)))) {}
  /// Writes to a std::ostream, such as std::clog, and flushes it. Others may write to it at the same time if
  /// it allows that.
  template <line_stream Stream>
  explicit connection_log(Stream& to)
      : log_(std::make_shared<detail::logging_observer>(detail::lines_to(to))) {}

  /// For server_options::observer, connect_options::observer and observers().
  operator std::shared_ptr<observer>() const noexcept { return log_; }

  /// How many lines could not be made or written.
  std::uint64_t lost() const noexcept { return log_->lines.lost(); }

 private:
  std::shared_ptr<detail::logging_observer> log_;
};

}  // namespace kindwire::net
