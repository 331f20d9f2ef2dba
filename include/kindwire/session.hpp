// RFC 6455 §5–7 as one state machine: bytes in, messages and bytes out. It does no I/O.
//
//     kw::session ws{kw::role::server};
//     ws.commit(read_some(ws.prepare(4096)));                                     // your bytes
//     while (kw::message msg = ws.poll()) ws.send(msg.type(), msg.bytes());
//     ws.consume(write_some(ws.output()));                                        // your stream
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "error.hpp"
#include "frame/decoder.hpp"
#include "frame/role.hpp"
#include "message/buffer.hpp"
#include "message/close.hpp"
#include "message/message.hpp"
#include "message/reassembler.hpp"
#include "session/inbox.hpp"
#include "session/outbox.hpp"

namespace kindwire {

/// The limits and choices of a session.
struct session_options {
  std::size_t max_message_size = std::size_t{1} << 20;  ///< in bytes; more fails the connection with 1009
  std::size_t max_fragments = 4096;                     ///< frames a message; more fails it with 1008
  std::size_t max_queued_pongs = 16384;  ///< in bytes; past it only the latest ping is answered
  bool autoping = true;  ///< answer pings, hide pings and pongs; false delivers both as messages
};

/// How far a connection is (RFC 6455 §7.1).
enum class session_state : std::uint8_t {
  open,     ///< both ends may send
  closing,  ///< our Close is queued, the peer's has not come: messages may still arrive (§1.4)
  closed,   ///< both Closes are there, or a rule was broken, or the stream ended: nothing more is delivered
};

/// One end of a WebSocket connection after its opening handshake.
///
/// Bytes go in by prepare() and commit(), messages come out of poll(); what send(), close() and the protocol
/// itself have to say comes out of output(), and consume() tells how much of it was written. Any call may
/// come at any time, also between two fragments and while a close is under way. Not thread safe; nothing is
/// shared between sessions. In the steady state nothing is allocated.
class session {
 public:
  explicit session(role self, session_options options = {}) noexcept
      : output_(self, options.max_queued_pongs),
        decoder_(self),
        reassembler_({options.max_message_size, options.max_fragments}),
        self_(self),
        autoping_(options.autoping) {}

  session(session&&) = default;
  session& operator=(session&&) = default;

  // Input.

  /// Room for at least `size` bytes from the peer, all of it usable. Valid until the next call but commit().
  /// Leaves the view of the last message intact.
  std::span<std::byte> prepare(std::size_t size) {
    if (fits_frame(size)) {
      // All of it is payload of one frame: read it to where the message is gathered.
      into_message_ = true;
      auto const room = reassembler_.prepare(size);
      return room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), decoder_.remaining())));
    }
    into_message_ = false;
    auto const room = input_.prepare(size);
    plain_ = plain_ && input_.is_plain();
    return room;
  }

  /// The first `size` bytes of what prepare() gave have come from the peer.
  void commit(std::size_t size) noexcept {
    if (into_message_) {
      input_.commit_elsewhere(size);
    } else {
      input_.commit(size);
    }
  }

  /// The same for a block of your own: taken over as it is when nothing is unread, else copied. Where there
  /// is no memory for that its bytes are gone, and with them the connection.
  void put(buffer block) {
    if (block.empty()) return;
    if (input_.take_over(block)) return;
    unwinding guard{this};
    std::memcpy(prepare(block.size()).data(), block.bytes().data(), block.size());
    commit(block.size());
    guard.dismiss();
  }

  /// The peer's stream has ended. Unless a Close came before, the connection is lost: close code 1006
  /// (RFC 6455 §7.1.5) and error::connection_lost. Poll first: messages that came before the end are still
  /// there.
  void end_of_input() noexcept {
    if (state_ != session_state::closed) lose(error::connection_lost);
  }

  /// The next message; false when more bytes are needed or the session is closed. TEXT and BINARY come whole;
  /// PING and PONG come only with autoping off; a CLOSE is never a message, see state(), close_code() and
  /// error().
  ///
  /// The view is valid until the next poll(); sending and prepare() leave it alone.
  message poll() {
    if (plain_) [[likely]] {
      std::span<std::byte> input = input_.unread();
      if (whole_frame const frame = decoder_.take_whole(input)) [[likely]] {
        if (reassembler_.unmask(frame)) [[likely]] {
          input_.taken(input);
          return {frame.type, frame.payload};
        }
      }
    }
    return poll_any();
  }

  /// Looks at what has come but was not polled: pings are answered, so that a peer gets its pong also while
  /// the application is busy with the last message, and a Close or a broken rule directly behind that message
  /// ends the connection. Messages stay where they are, and so does the view of the last one. A driver calls
  /// it for an application that does not poll; with poll() alone it is never needed.
  void look_ahead();

  /// The same for an application that will not poll any more: messages are dropped, whatever stands between
  /// us and the peer's Close is got over. From then on poll() gives nothing. The view of the last message
  /// stays.
  void discard();

  /// Drops what has come and was not polled, for a driver that is done with a closed session. The view of the
  /// last message stays.
  void drop_input() noexcept { input_.drop(); }

  /// Bytes that have come and were not polled yet.
  std::size_t unread_size() const noexcept { return input_.size(); }

  // Output.

  /// Queues one frame: a whole message, or with `fin` false the first fragment of one, which is continued by
  /// CONTINUATION frames until one has `fin` (RFC 6455 §5.4). Control frames may come in between. A CLOSE is
  /// close() with the code and reason in `payload`. The payload is copied (a client's masked), so it may lie
  /// anywhere but in output(). Text must be UTF-8.
  ///
  /// Errors, with nothing queued: closed after close() or the peer's Close; fragment_in_progress,
  /// no_fragment_to_continue; invalid_argument for a control frame that is fragmented or over 125 bytes.
  std::error_code send(message_type type, std::span<std::byte const> payload, bool fin = true) {
    if (type == message_type::close) return send_close_body(payload, fin);
    if (auto const wrong = check_send(type, payload.size(), fin); wrong != kindwire::error{}) return wrong;
    output_.write(type, payload, fin);
    if (!is_control(type)) sending_fragments_ = !fin;
    return {};
  }

  /// Queues a TEXT message.
  std::error_code send(std::string_view text) { return send(message_type::text, detail::as_bytes(text)); }

  /// Queues a whole TEXT or BINARY message that `write` appends to the outbound buffer itself: no copy, no
  /// string in between. `write(buffer&)` only appends; it returns false to give up, which is invalid_argument
  /// and queues nothing. Other errors as with send().
  template <class Write>
  std::error_code send_with(message_type type, Write&& write) {
    if (is_control(type) || type == message_type::continuation) return error::invalid_argument;
    if (auto const wrong = check_send(type, 0, true); wrong != kindwire::error{}) return wrong;
    if (!output_.write_with(type, std::forward<Write>(write))) return error::invalid_argument;
    return {};
  }

  /// Queues a Close and stops sending: later sends fail with error::closed. Messages may still be polled
  /// until the peer answers. A second call does nothing. `no_status` sends an empty Close.
  ///
  /// Error, with nothing queued: invalid_argument for a code that must not be sent, or a reason that is not
  /// UTF-8 or over 123 bytes (RFC 6455 §5.5.1, §7.4).
  std::error_code close(kindwire::close_code code = kindwire::close_code::normal,
                        std::string_view reason = {}) {
    if (auto const wrong = check_close(code, reason)) return wrong;
    if (close_sent_ || state_ != session_state::open) return {};
    write_close(code, reason);
    state_ = session_state::closing;
    return {};
  }

  /// Fails the connection for a reason of our own, as if the peer had broken a rule: queues a Close with the
  /// code of `why` unless one was sent, drops all input, and reports `why` (RFC 6455 §7.1.7). Used by drivers
  /// for timeouts.
  void fail(std::error_code why);

  /// What is to be written to the peer, in order. Valid until the next call that is not const.
  std::span<std::byte const> output() const noexcept { return output_.bytes(); }

  /// The first `size` bytes of output() were written.
  void consume(std::size_t size) { output_.consume(size); }

  /// Hands all of output() over, for a driver that writes while more is queued.
  buffer take_output() { return output_.take(); }

  // State.

  /// True if a new session with the same options would be the same: it is open, and nothing has come, waits
  /// or is looked at. For drivers that keep no session for a quiet connection.
  bool is_at_rest() const noexcept {
    return plain_ && is_open() && !sending_fragments_ && input_.is_at_rest() && output_.is_at_rest();
  }

  role self() const noexcept { return self_; }
  session_state state() const noexcept { return state_; }
  bool is_open() const noexcept { return state_ == session_state::open; }

  /// What ended the connection, if it did not end by a close handshake: the rule that the peer broke, or
  /// connection_lost, or what fail() was given. No error while it is open.
  std::error_code error() const noexcept { return error_; }

  /// The code of the peer's Close: no_status (1005) if it had no body, abnormal (1006) if none came
  /// (RFC 6455 §7.1.5).
  kindwire::close_code close_code() const noexcept { return peer_code_; }
  /// The reason of the peer's Close (§7.1.6); valid as long as the session.
  std::string_view close_reason() const noexcept { return peer_reason_; }

  /// True when our Close is queued or sent.
  bool close_sent() const noexcept { return close_sent_; }
  /// The code of our own Close: no_status (1005) if it has no body, abnormal (1006) as long as there is none.
  kindwire::close_code sent_close_code() const noexcept { return own_code_; }
  /// The reason in our own Close; valid as long as the session.
  std::string_view sent_close_reason() const noexcept { return own_reason_; }

  /// True between the first and the last fragment of a message that we send.
  bool sending_fragments() const noexcept { return sending_fragments_; }

  /// True when the peer's Close came.
  bool close_received() const noexcept { return close_received_; }
  /// True when the peer's Close came before we queued ours. When both ends close at once, neither was closed
  /// by its peer.
  bool closed_by_peer() const noexcept { return closed_by_peer_; }

 private:
  // True if `size` bytes are payload of the data frame that we are in, and nothing else comes before them,
  // and enough of the message is there for so much room.
  bool fits_frame(std::size_t size) const noexcept {
    return size != 0 && decoder_.remaining() >= size && unread_size() == 0 && !is_control(decoder_.type()) &&
           !discards_ && state_ != session_state::closed && reassembler_.deserves(size);
  }

  message poll_any();

  // What the decoder and the reassembler make of `input`, which is used up as far as the next message.
  message decode(std::span<std::byte>& input) {
    while (state_ != session_state::closed) {
      frame_chunk const chunk = decoder_.take(input);
      if (!chunk) {
        if (decoder_.error()) fail(decoder_.error());
        return {};
      }
      message const result =
          is_control(chunk.header->type) ? take_control(chunk) : reassembler_.unmask_and_add(chunk);
      if (result) return result;
      if (reassembler_.error()) fail(reassembler_.error());
    }
    return {};
  }

  // Out of memory in the midst of the input: what was decoded cannot be decoded again, so the connection is
  // lost.
  struct unwinding {
    session* self;
    ~unwinding() {
      if (self != nullptr) self->lose(std::make_error_code(std::errc::not_enough_memory));
    }
    void dismiss() noexcept { self = nullptr; }
  };

  message take_control(frame_chunk const& chunk);
  message take_whole_control(message_type type, std::span<std::byte const> payload);
  void take_close(std::span<std::byte const> payload);

  std::error_code send_close_body(std::span<std::byte const> payload, bool fin);
  kindwire::error check_send(message_type type, std::size_t size, bool fin) const noexcept;

  void write_close(kindwire::close_code code, std::string_view reason);
  void lose(std::error_code why) noexcept;

  detail::inbox input_;
  detail::outbox output_;
  buffer control_;  // what has come of a control frame that is not whole
  basic_frame_decoder decoder_;
  reassembler reassembler_;
  std::string peer_reason_;
  std::string own_reason_;
  std::error_code error_;
  role self_;
  session_state state_ = session_state::open;
  bool autoping_;
  bool plain_ = true;  // nothing is begun, held or over: what comes may be a message that lies there whole
  bool into_message_ = false;  // prepare() has room behind what the reassembler has gathered, not in input_
  bool sending_fragments_ = false;
  bool discards_ = false;
  bool close_sent_ = false;
  bool close_received_ = false;
  bool closed_by_peer_ = false;
  kindwire::close_code peer_code_ = kindwire::close_code::abnormal;
  kindwire::close_code own_code_ = kindwire::close_code::abnormal;
};

#if defined(__GNUC__)
__attribute__((noinline))
#endif
inline message
session::poll_any() {
  plain_ = false;
  input_.end_view();
  if (decoder_.between_frames()) control_.release();
  if (discards_) return discard(), message{};
  unwinding guard{this};
  if (reassembler_.error()) fail(reassembler_.error());
  reassembler_.release();
  message result;
  if (input_.elsewhere() != 0) {
    std::span<std::byte> input = reassembler_.prepare(0).first(input_.take_elsewhere());
    result = decode(input);
  }
  if (!result) {
    std::span<std::byte> input = input_.unread();
    result = decode(input);
    if (result) {
      input_.taken(input, result.bytes().data());
      if (!control_.empty()) input_.hold(std::exchange(control_, buffer{}));
    } else {
      // Everything was used: what is left of a header or a message is kept by the decoder and the
      // reassembler.
      drop_input();
    }
  }
  plain_ = state_ != session_state::closed && decoder_.between_frames() && reassembler_.empty() &&
           input_.is_plain() && control_.capacity() == 0;
  guard.dismiss();
  return result;
}

inline void session::look_ahead() {
  if (state_ == session_state::closed || !decoder_.between_frames()) return;
  unwinding guard{this};
  std::span<std::byte> const all = input_.unread();
  std::size_t from = input_.seen();
  std::size_t to = from;
  frame_header header;
  kindwire::error violation{};
  bool closes = false;
  for (;;) {
    std::size_t const size = read_frame_header(all.subspan(from), self_, header, violation);
    std::uint64_t const length = header.length;
    if (size == 0 || length > all.size() - from - size) break;
    auto const frame = all.subspan(from, size + static_cast<std::size_t>(length));
    closes = header.type == opcode::close;
    if (closes && to != 0) break;  // it comes after the messages before it
    if (closes || (autoping_ && is_control(header.type))) {
      auto const payload = frame.subspan(size);
      if (header.masked) mask(payload, header.key);
      take_whole_control(header.type, payload);
      if (closes) return guard.dismiss();
    } else {
      if (from != to) std::memmove(all.data() + to, frame.data(), frame.size());
      to += frame.size();
    }
    from += frame.size();
  }
  input_.set_seen(to, from);
  if (violation != kindwire::error{} && to == 0) fail(violation);
  guard.dismiss();
}

inline void session::discard() {
  discards_ = true;
  plain_ = false;
  unwinding guard{this};
  if (input_.elsewhere() != 0) {
    std::span<std::byte> payload = reassembler_.prepare(0).first(input_.take_elsewhere());
    decoder_.take(payload);
  }
  std::span<std::byte> input = input_.unread();
  while (state_ != session_state::closed) {
    frame_chunk const chunk = decoder_.take(input);
    if (!chunk) {
      if (decoder_.error()) fail(decoder_.error());
      break;
    }
    // What the messages say is not looked at any more, not even whether it is UTF-8: §5.5.1 does not ask who
    // has sent a Close to go on processing data.
    if (is_control(chunk.header->type)) take_control(chunk);
  }
  drop_input();
  guard.dismiss();
}

inline void session::fail(std::error_code why) {
  if (state_ == session_state::closed) return;
  if (!close_sent_) {
    bool const ours = why.category() == error_category();
    auto const value = static_cast<kindwire::error>(why.value());
    // §7.1.7 leaves the reason to us: it says in words what was wrong, for the peer's log.
    write_close(ours ? close_code_for(value) : kindwire::close_code::internal_error,
                ours ? std::string_view{detail::describe(value)} : std::string_view{});
  }
  lose(why);
}

inline void session::lose(std::error_code why) noexcept {
  error_ = why;
  state_ = session_state::closed;
  plain_ = false;
  output_.forget_pong();
}

inline message session::take_control(frame_chunk const& chunk) {
  if (chunk.header->masked) mask(chunk.payload, chunk.header->key, chunk.offset);
  if (chunk.first && chunk.last) [[likely]]
    return take_whole_control(chunk.header->type, chunk.payload);
  if (chunk.first) control_.clear();
  control_.append(chunk.payload);
  if (!chunk.last) return {};
  message const result = take_whole_control(chunk.header->type, control_.bytes());
  if (!result) control_.release();
  return result;
}

inline message session::take_whole_control(message_type type, std::span<std::byte const> payload) {
  if (type == message_type::close) {
    take_close(payload);
    return {};
  }
  if (!autoping_) return {type, payload};
  // An unsolicited pong is not answered (RFC 6455 §5.5.3).
  // Nothing follows our Close (§5.5.1).
  if (type == message_type::ping && !close_sent_) output_.queue_pong(payload);
  return {};
}

inline void session::take_close(std::span<std::byte const> payload) {
  close_body body;
  if (auto const wrong = read_close_body(payload, body)) return fail(wrong);
  close_received_ = true;
  peer_code_ = body.code;
  peer_reason_ = body.reason;
  if (!close_sent_) {
    closed_by_peer_ = true;
    // §5.5.1: the answer "typically echos the status code it received"; the reason is the peer's own.
    write_close(body.code, {});
  }
  state_ = session_state::closed;
  plain_ = false;
  output_.forget_pong();
}

inline std::error_code session::send_close_body(std::span<std::byte const> payload, bool fin) {
  close_body body;
  if (!fin || payload.size() > max_control_payload_size || read_close_body(payload, body))
    return error::invalid_argument;
  if (close_sent_ || state_ != session_state::open) return error::closed;
  return close(body.code, body.reason);
}

// error{} if it may be sent.
inline kindwire::error session::check_send(message_type type, std::size_t size, bool fin) const noexcept {
  if (is_reserved(type)) return error::invalid_argument;
  if (is_control(type) && (!fin || size > max_control_payload_size)) return error::invalid_argument;
  if (close_sent_ || state_ != session_state::open) return error::closed;
  if (is_control(type)) return {};
  bool const continues = type == message_type::continuation;
  if (continues != sending_fragments_) {
    return continues ? error::no_fragment_to_continue : error::fragment_in_progress;
  }
  return {};
}

inline void session::write_close(kindwire::close_code code, std::string_view reason) {
  std::array<std::byte, max_control_payload_size> room;
  std::string kept(reason);  // first what may find no memory: a Close is said whole or not at all
  output_.write(message_type::close, write_close_body(room, code, reason), true);
  close_sent_ = true;
  output_.forget_pong();
  own_code_ = code;
  own_reason_ = std::move(kept);
}

}  // namespace kindwire
