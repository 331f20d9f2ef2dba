// The options of a connection that comes back, with their defaults and the reasons for them, and what it
// tells.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <system_error>

#include "../error.hpp"
#include "../handshake/response.hpp"
#include "../message/close.hpp"
#include "../message/message.hpp"
#include "../session/backoff.hpp"
#include "connect_error.hpp"
#include "connect_options.hpp"
#include "connection/tls_failure.hpp"
#include "reconnect_error.hpp"
#include "websocket.hpp"

namespace kindwire::net {

/// A try that opened no connection.
struct failed_try {
  /// How far it came; refusal for what a hook threw, unless that was a connect_error.
  connect_phase phase = connect_phase::refusal;
  std::error_code error = {};  ///< what connecting failed with, or what a hook threw; none before the first
  std::string text = {};       ///< the what() of the exception, as of connect_error
  response answer = {0, {}, {}};  ///< as connect_error::answer(): its status is 0 if there was none
};

/// How a connection ended that had been open.
struct disconnection {
  std::error_code error = {};  ///< as websocket::error(): none after a close handshake
  kindwire::close_code code = kindwire::close_code::abnormal;  ///< of the peer's Close; 1006 if none arrived
  std::string reason = {};                                     ///< of the peer's Close
  bool by_peer = false;                                        ///< the peer's Close came before ours
};

/// The default of reconnect_options::is_final: true for what another try would only repeat. An answer 401,
/// 403, 404, 407 or 410; a certificate that does not pass, the server's or ours; error::invalid_uri,
/// invalid_header, invalid_proxy and invalid_argument; wss:// without TLS.
inline bool is_final_failure(failed_try const& failure) noexcept {
  switch (failure.answer.status) {
    case 401:
    case 403:
    case 404:
    case 407:
    case 410: return true;
  }
  if (detail::is_verdict_of_tls(failure.error) || detail::is_our_certificate_refused(failure.error))
    return true;
  for (error const each :
       {error::invalid_uri, error::invalid_proxy, error::invalid_header, error::invalid_argument,
        error::tls_unavailable, error::proxy_authentication_required}) {
    if (failure.error == each) return true;
  }
  return false;
}

/// The default of reconnect_options::is_final_close: true for a Close with 1003 or 1010, by which the server
/// says that it does not speak what we speak, now or later.
///
/// Not final are: 1000 and 1001, since a feed that ends goes on at the server's next start; 1002, 1007 and
/// 1009, since they are about one message; 1008, with which servers (ours too) also end clients that were too
/// slow or asleep. A server that wants none of us any more says so at the next handshake, by 401 or 403.
/// Codes of 4000–4999 mean what the application says.
inline bool is_final_close(disconnection const& how) noexcept {
  return how.by_peer &&
         (how.code == close_code::unsupported_data || how.code == close_code::mandatory_extension);
}

/// What becomes of messages sent while there is no connection.
enum class away_policy : std::uint8_t {
  refuse,  ///< the send fails with reconnect_error::away
  /// They are kept, up to max_kept bytes, and sent in order once there is a connection again. So is what a
  /// connection had not taken whole when it broke.
  keep,
  /// The same, but a message takes the place of an older one that waits with the same key_of: of a cursor or
  /// a price, only the last counts.
  keep_latest,
};

/// What the next try will use: reconnect_options::before may change it.
struct next_try {
  std::string uri;
  connect_options options;
  std::uint64_t number;  ///< of the try, since the last connection that was open, from 1
};

/// How far a connection that comes back is.
enum class reconnect_state : std::uint8_t {
  connecting,  ///< a try is under way, hooks included
  open,        ///< there is a connection, until its stream is closed
  waiting,     ///< until the next try
  closed,      ///< for good
};

/// Where a connection that comes back stands. Sizes are in bytes.
struct reconnect_status {
  reconnect_state state = reconnect_state::connecting;
  std::uint64_t connections = 0;  ///< how many have been open so far
  std::uint64_t attempts = 0;     ///< tries since the last of them was open, one under way included
  /// When the next try begins, while waiting.
  std::chrono::steady_clock::time_point next_try_at = {};
  std::error_code last_error =
      {};                ///< of the last try or connection that failed; none if the last one was closed
  std::size_t kept = 0;  ///< messages that wait for a connection, or for one to take them
  std::size_t kept_bytes = 0;
  std::uint64_t dropped = 0;  ///< messages that newer ones have replaced: away_policy::keep_latest
};

/// The options of a connection that comes back. Any time of std::chrono::milliseconds::max() means never.
///
/// Hooks run on the connection's executor. If `before` or `opened` throws a std::system_error, the try has
/// failed with that, and with std::errc::not_enough_memory for a std::bad_alloc. Anything else that these
/// throw ends all with reconnect_error::hook_failed; so does whatever `is_final`, `is_final_close` and `draw`
/// throw, which belong to no try, but for std::bad_alloc: that ends all with std::errc::not_enough_memory.
struct reconnect_options {
  /// The delay before a try is drawn from zero up to this, and up to `factor` times as much after each
  /// failure: clients that have lost a server together do not come back together.
  std::chrono::milliseconds first_delay{500};
  double factor = 2;
  std::chrono::milliseconds max_delay{30000};
  /// A connection that was open for so long has lasted: the delay starts again at first_delay. A server that
  /// accepts everybody and ends them at once is not asked more often than one that refuses.
  std::chrono::milliseconds stable_after{10000};
  /// Without a connection that lasted, from the start or the end of the last one that did: then it is closed,
  /// with reconnect_error::gave_up. No try begins later.
  std::chrono::milliseconds give_up_after = (std::chrono::milliseconds::max)();
  /// The most that a Retry-After of a refusal (503 and 429, as a rule) counts. The random delay is added to
  /// it, since it is the same for all.
  std::chrono::milliseconds max_retry_after{300000};

  std::function<bool(failed_try const&)> is_final = &is_final_failure;  ///< a failure that ends all
  std::function<bool(disconnection const&)> is_final_close = &net::is_final_close;  ///< an end that ends all

  /// Before each try: a fresh token for the headers, another server's URI. Counts as part of the try, without
  /// a limit of time.
  std::function<asio::awaitable<void>(next_try&)> before = {};
  /// After each opening: logs in, subscribes again. What it sends, and what it receives, comes before
  /// anything else. The websocket is valid until it returns, and goes on to be the connection: moving it away
  /// counts as an exception. Must end if the websocket does.
  std::function<asio::awaitable<void>(websocket&)> opened = {};
  /// Whenever the state changes. May use the connection, and destroy it. Must not throw.
  std::function<void(reconnect_status const&)> changed = {};

  /// Keeping sets connection_options::statistics, and send_queue_soft below send_queue_hard.
  away_policy while_away = away_policy::refuse;
  std::size_t max_kept = std::size_t{1}
                         << 20;  ///< bytes; each message takes 160 beside its own and its key's
  /// For keep_latest; may throw what the send then throws. Without it all messages have one key.
  std::function<std::string(message const&)> key_of = {};

  /// Gives numbers below its argument, for the delays: a test's own.
  std::function<std::uint64_t(std::uint64_t)> draw = &kindwire::detail::random_below;
};

}  // namespace kindwire::net
