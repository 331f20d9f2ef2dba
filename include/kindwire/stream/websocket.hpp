// A websocket over any blocking stream: a thread that reads and writes, nothing else.
//
//     std::error_code failure;
//     auto ws = kw::connect(std::move(stream), "ws://localhost/echo", failure);
//     ws.send("hello", failure);
//     kw::message const reply = ws.receive(failure);
//     ws.close(failure);
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../frame/role.hpp"
#include "../handshake/client.hpp"
#include "../handshake/host.hpp"
#include "../handshake/negotiator.hpp"
#include "../handshake/request.hpp"
#include "../handshake/response.hpp"
#include "../handshake/server.hpp"
#include "../handshake/upgrade.hpp"
#include "../handshake/uri.hpp"
#include "../message/extension.hpp"
#include "../session.hpp"
#include "blocking_websocket.hpp"
#include "concepts.hpp"

namespace kindwire {

/// What a blocking server accepts.
struct accept_settings {
  head_limits head = {};                       ///< of the request
  host_options hosts = {};                     ///< that we answer to: any, unless listed or `local`
  origin_options origins = {};                 ///< which pages may connect: same origin unless listed
  std::vector<std::string> subprotocols = {};  ///< that we support, in our order of preference
  session_options session = {};                ///< of the websocket
  /// Checks the request before it is accepted; a returned response refuses it.
  request_check before = {};
  std::shared_ptr<extension_negotiator const> compression = {};  ///< of messages: see deflate/options.hpp
};

namespace detail {

// One read may wait for longer.
template <blocking_stream Stream>
void drain(Stream& stream) {
  using clock = std::chrono::steady_clock;
  auto const end = clock::now() + drained_time;
  std::array<std::byte, 4096> dropped;
  std::error_code failure;
  for (std::size_t left = drained_size; left != 0 && clock::now() < end;) {
    std::size_t const size = stream.read_some(dropped, failure);
    if (size == 0 || failure) return;
    left -= (std::min)(left, size);
  }
}

}  // namespace detail

/// Reads one request from `stream` and answers it. No connection, with an error, if it could not be accepted:
/// it was then answered with 400, 403, 405, 414, 421, 426, 431 or the response of `before`
/// (error::handshake_refused), and the stream was closed.
template <blocking_stream Stream>
blocking_websocket<Stream> accept(Stream stream, std::error_code& failure,
                                  accept_settings const& settings = {}) {
  server_handshake handshake(settings.head);
  while (handshake.status() == handshake_status::reading) {
    std::size_t const size = stream.read_some(handshake.prepare(2048), failure);
    if (size == 0 && !failure) failure = error::connection_lost;
    if (failure) return detail::close_stream(stream), blocking_websocket<Stream>{};
    handshake.commit(size);
  }

  std::optional<refusal> refused;
  std::string output;
  std::string_view subprotocol;
  agreed_extension agreed;
  if (handshake.status() == handshake_status::failed) {
    refused = {handshake.error(), handshake.error_response()};
  } else if (auto const why = check_host(handshake.request(), settings.hosts)) {
    refused = {why, answer_to_other_host(settings.hosts)};
  } else {
    header_list const no_headers;
    upgrade_rules const rules{settings.origins, settings.before, settings.subprotocols, no_headers,
                              settings.compression.get()};
    refused = answer_upgrade(handshake.request(), rules, output, subprotocol, agreed);
  }
  if (refused) {
    detail::write_any_response(refused->answer, output);
    detail::write_all(stream, detail::as_bytes(output));
    detail::shutdown_send(stream);
    bool const unread = handshake.status() == handshake_status::failed || !handshake.leftover().empty();
    if (unread) detail::drain(stream);
    detail::close_stream(stream);
    failure = refused->error;
    return {};
  }
  failure = detail::write_all(stream, detail::as_bytes(output));
  if (failure) return detail::close_stream(stream), blocking_websocket<Stream>{};
  blocking_websocket<Stream> ws(std::move(stream), role::server, settings.session, handshake.leftover(),
                                std::move(agreed.extension));
  ws.set_handshake(std::move(handshake.request()), subprotocol, std::move(agreed.terms));
  return ws;
}

namespace detail {

// Reads the answer to a request whose writing ended with `unwritten`. Once it is a refusal, reading may go on
// for a second, checked after each read: how long one read waits is up to the stream.
template <blocking_stream Stream>
std::error_code read_answer(Stream& stream, client_handshake& handshake, std::error_code unwritten) {
  using clock = std::chrono::steady_clock;
  std::optional<clock::time_point> end;
  // A server that refuses before it has read the whole request may be gone, but its answer can still be read.
  bool const gone = unwritten == std::errc::broken_pipe || unwritten == std::errc::connection_reset;
  if (unwritten && !gone) handshake.end_of_input(unwritten);
  while (handshake.status() == handshake_status::reading) {
    std::error_code failure;
    std::size_t const size = stream.read_some(handshake.prepare(2048), failure);
    handshake.commit(size);
    if (size == 0 && !failure) failure = error::connection_lost;
    if (handshake.is_refused() && !end) end = clock::now() + std::chrono::seconds(1);
    if (end && clock::now() >= *end) failure = error::handshake_timeout;
    if (failure) handshake.end_of_input(failure);
  }
  // If the request was not written in full, only a refusal counts as an answer.
  return unwritten && !handshake.is_refused() ? unwritten : handshake.error();
}

}  // namespace detail

/// Performs the client's opening handshake over a connected `stream`. No connection, with an error, if that
/// fails. `*answer` then receives the server's answer, if any: with error::handshake_refused its status,
/// header fields and as much of its body as arrived. If it was not HTTP, the status is 0 and the body is what
/// the server sent instead: see client_handshake::server_said().
template <blocking_stream Stream>
blocking_websocket<Stream> connect(Stream stream, std::string_view to, std::error_code& failure,
                                   client_options const& options = {}, session_options const& session = {},
                                   response* answer = nullptr) {
  auto const target = uri::parse(to);
  failure = target ? std::error_code{} : make_error_code(error::invalid_uri);
  if (failure) return {};
  client_handshake handshake(*target, options);
  failure = handshake.error();
  if (!failure)
    failure = detail::read_answer(stream, handshake, detail::write_all(stream, handshake.output()));
  response const& said = handshake.answer();
  if (answer != nullptr && (said.status != 0 || !said.body.empty())) *answer = said;
  if (failure) return detail::close_stream(stream), blocking_websocket<Stream>{};
  agreed_extension agreed = std::move(handshake.agreed());
  blocking_websocket<Stream> ws(std::move(stream), role::client, session, handshake.leftover(),
                                std::move(agreed.extension));
  ws.set_handshake({}, handshake.subprotocol(), std::move(agreed.terms));
  return ws;
}

}  // namespace kindwire
