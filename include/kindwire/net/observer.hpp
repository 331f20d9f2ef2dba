// What can be learnt of connections while they work: for metrics, logs and traces.
//
//     struct attacks final : kw::net::observer {
//       void handshake_failed(kw::net::failed_handshake const& it) noexcept override { … }
//     };
//     kw::net::server server{{.port = 8080, .observer = std::make_shared<attacks>()}};
//
// metrics.hpp, connection_log.hpp and frame_trace.hpp have ready ones.
#pragma once

#include "requirements.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../frame/header.hpp"
#include "../frame/role.hpp"
#include "../handshake/endpoint.hpp"
#include "../message/close.hpp"
#include "options.hpp"

namespace kindwire::net {

/// The connection that something has happened to. What the peer chose, target and subprotocol, is of any
/// length that the limits of the handshake allow; the target's query may hold secrets.
struct connection_facts {
  std::uint64_t number = 0;  ///< of this process' observed connections, from 1
  role self = role::server;
  endpoint remote = {};             ///< empty for streams without addresses
  std::string target = {};          ///< path and query of the request; empty if unknown
  std::string route = {};           ///< the pattern given to server::websocket(); empty on clients
  std::string subprotocol = {};     ///< empty if none
  std::size_t send_queue_soft = 0;  ///< the mark of queue_filled()
};

/// Who began the close handshake.
enum class closed_by : std::uint8_t {
  us,  ///< also when both ends closed at once, or the peer broke a rule: see connection_end::error
  peer,
  nobody,  ///< the stream ended without a Close
};

constexpr char const* to_string(closed_by who) noexcept {
  switch (who) {
    case closed_by::us: return "us";
    case closed_by::peer: return "peer";
    case closed_by::nobody: return "nobody";
  }
  return "unknown";
}

/// How a connection has ended. The views are valid during the call.
struct connection_end {
  closed_by by = closed_by::nobody;
  close_code received =
      close_code::abnormal;      ///< of the peer's Close; no_status: it had none; abnormal: none came
  std::string_view reason = {};  ///< in the peer's Close: up to 123 bytes of UTF-8
  close_code sent = close_code::abnormal;  ///< of our Close; abnormal: none was sent
  std::string_view sent_reason = {};
  std::error_code error = {};  ///< if it was not a close handshake: see websocket::error()
  statistics traffic = {};     ///< of the whole connection, so far as the application has taken its messages
  std::chrono::steady_clock::duration lasted{};

  /// The code of whoever closed first; abnormal (1006) if nobody did.
  close_code code() const noexcept { return by == closed_by::peer ? received : sent; }
};

/// Why an opening handshake has failed.
enum class handshake_failure : std::uint8_t {
  error,     ///< failed_handshake::error says why: the rule that the peer broke; a client's refusal or failed
             ///< connect
  no_route,  ///< 404
  limit,     ///< server_limits: 429, 503, or closed without an answer
  check,     ///< route_options::before has refused it
  exception,  ///< a check or a page threw, or there was no memory: 500
  timeout,    ///< handshake_timeout
  lost,       ///< the peer left, or was not heard of
  stopped,    ///< the server was stopped, or the client's operation cancelled
  tls,        ///< failed_handshake::error says why: a certificate that does not pass, a peer without TLS
};

constexpr char const* to_string(handshake_failure why) noexcept {
  switch (why) {
    case handshake_failure::error: return "error";
    case handshake_failure::no_route: return "no_route";
    case handshake_failure::limit: return "limit";
    case handshake_failure::check: return "check";
    case handshake_failure::exception: return "exception";
    case handshake_failure::timeout: return "timeout";
    case handshake_failure::lost: return "lost";
    case handshake_failure::stopped: return "stopped";
    case handshake_failure::tls: return "tls";
  }
  return "unknown";
}

/// An opening handshake that has failed. The view is valid during the call.
struct failed_handshake {
  role self = role::server;
  endpoint remote = {};          ///< empty if unknown
  std::string_view target = {};  ///< path and query of the request; empty if it was not read
  unsigned status = 0;           ///< of the answer; 0 if there was none
  handshake_failure reason = handshake_failure::error;
  std::error_code error = {};  ///< further details, if there are any
};

/// Which way a frame or a head goes.
enum class direction : std::uint8_t { received, sent };

/// The head of an opening handshake's request or answer, without the body. As yet there is no connection with
/// a number: heads with the same `remote` belong together. The view is valid during the call.
struct handshake_head {
  role self = role::server;
  endpoint remote = {};  ///< empty if unknown
  direction way = direction::received;
  /// Its lines, separated by CR LF, without the empty one at the end. A head that was received is put
  /// together again from its fields: without the white space around values, and with the standard's reason
  /// phrase. Secrets are in it, such as the values of Authorization and Cookie.
  std::string_view text = {};
};

/// Is told what happens to the connections of a server or a client: see server_options::observer and
/// connect_options::observer. Each function does nothing unless it is overridden.
///
/// Called on the executor of the connection; so several threads may call at once, each for connections of its
/// own. What a function does holds up all connections of that thread. It must not destroy the context, nor
/// use the connection that it is told of, but by a remote or in a turn of its own (asio::post).
///
/// For each connection: opened(), anything else, closed(), once each; also if the context is destroyed first,
/// then on the thread that does that. Only traffic() may still come after closed().
class observer {
 public:
  observer() noexcept = default;
  observer(observer const&) = delete;
  observer& operator=(observer const&) = delete;
  virtual ~observer() = default;

  /// The opening handshake is done: frames may come and go.
  virtual void opened(connection_facts const&) noexcept {}
  /// The stream has been closed.
  virtual void closed(connection_facts const&, connection_end const&) noexcept {}
  /// There is no connection. A request for a page is a handshake that fails unless the page answers it. Those
  /// that server_limits leave without an answer are told on the executor of the acceptor, or the thread that
  /// calls server::serve().
  virtual void handshake_failed(failed_handshake const&) noexcept {}
  /// A connection could not be accepted: no descriptors are left, as a rule. On the executor of the acceptor.
  virtual void accept_failed(std::error_code) noexcept {}
  /// What server_options::on_exception is called with. Any thread.
  virtual void handler_threw(std::exception_ptr const&) noexcept {}

  /// What came and went since the last call: of a turn of the connection, not of each message. Messages that
  /// the application takes after the end come after closed().
  virtual void traffic(connection_facts const&, statistics const& /*since*/) noexcept {}
  /// More than send_queue_soft bytes wait to be written, at the end of a turn. Followed by queue_drained(),
  /// before closed() at the latest.
  virtual void queue_filled(connection_facts const&, std::size_t /*bytes*/) noexcept {}
  virtual void queue_drained(connection_facts const&) noexcept {}
  /// So many sends have failed with error::send_queue_full; those of remotes are told with the next turn.
  /// What a hub drops is counted by its rooms.
  virtual void dropped(connection_facts const&, std::size_t /*sends*/) noexcept {}
  /// A ping of our own was answered: see websocket::last_round_trip().
  virtual void round_trip(connection_facts const&, std::chrono::milliseconds) noexcept {}

  /// Whether frame() and head() shall be called, which costs time for each frame, and about 700 bytes for
  /// each connection. Always the same: it may be asked once, or for each connection or frame.
  virtual bool wants_frames() const noexcept { return false; }
  /// The request of each opening handshake, and the answer to it; on a server, those for a page as well. One
  /// that is received is told once it has been read and parsed, one that is sent just before it is written:
  /// all before opened() or handshake_failed(). What is said to a proxy is not told.
  virtual void head(handshake_head const&) noexcept {}
  /// A frame as it is on the wire, compressed if it was, but unmasked: when its header and the beginning of
  /// its payload, up to 256 bytes, have been read, or the stream has taken them. After the first frame that
  /// breaks a rule there are no more of that direction.
  virtual void frame(connection_facts const&, direction, frame_header const&,
                     std::span<std::byte const> /*beginning*/) noexcept {}
};

namespace detail {

class several_observers final : public observer {
 public:
  explicit several_observers(std::vector<std::shared_ptr<observer>> all) : all_(std::move(all)) {
    std::erase(all_, nullptr);
  }

  void opened(connection_facts const& of) noexcept override {
    for (auto const& each : all_) each->opened(of);
  }
  void closed(connection_facts const& of, connection_end const& how) noexcept override {
    for (auto const& each : all_) each->closed(of, how);
  }
  void handshake_failed(failed_handshake const& what) noexcept override {
    for (auto const& each : all_) each->handshake_failed(what);
  }
  void accept_failed(std::error_code why) noexcept override {
    for (auto const& each : all_) each->accept_failed(why);
  }
  void handler_threw(std::exception_ptr const& what) noexcept override {
    for (auto const& each : all_) each->handler_threw(what);
  }
  void traffic(connection_facts const& of, statistics const& since) noexcept override {
    for (auto const& each : all_) each->traffic(of, since);
  }
  void queue_filled(connection_facts const& of, std::size_t bytes) noexcept override {
    for (auto const& each : all_) each->queue_filled(of, bytes);
  }
  void queue_drained(connection_facts const& of) noexcept override {
    for (auto const& each : all_) each->queue_drained(of);
  }
  void dropped(connection_facts const& of, std::size_t sends) noexcept override {
    for (auto const& each : all_) each->dropped(of, sends);
  }
  void round_trip(connection_facts const& of, std::chrono::milliseconds took) noexcept override {
    for (auto const& each : all_) each->round_trip(of, took);
  }
  bool wants_frames() const noexcept override {
    for (auto const& each : all_) {
      if (each->wants_frames()) return true;
    }
    return false;
  }
  void head(handshake_head const& what) noexcept override {
    for (auto const& each : all_) {
      if (each->wants_frames()) each->head(what);
    }
  }
  void frame(connection_facts const& of, direction way, frame_header const& header,
             std::span<std::byte const> beginning) noexcept override {
    for (auto const& each : all_) {
      if (each->wants_frames()) each->frame(of, way, header, beginning);
    }
  }

 private:
  std::vector<std::shared_ptr<observer>> all_;
};

}  // namespace detail

/// One observer that passes everything on to each of these, in this order: `.observer =
/// kw::net::observers(metrics, log)`.
template <class... All>
std::shared_ptr<observer> observers(All const&... all) {
  return std::make_shared<detail::several_observers>(
      std::vector<std::shared_ptr<observer>>{std::shared_ptr<observer>(all)...});
}

}  // namespace kindwire::net
