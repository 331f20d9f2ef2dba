// The session: what it promises, and the fast path of each direction.
//
// Include kindwire/session.hpp, which has the definitions as well.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../error.hpp"
#include "../frame/decoder.hpp"
#include "../frame/role.hpp"
#include "../message/buffer.hpp"
#include "../message/chunk.hpp"
#include "../message/close.hpp"
#include "../message/extension.hpp"
#include "../message/message.hpp"
#include "../message/reassembler.hpp"
#include "close_handshake.hpp"
#include "inbox.hpp"
#include "options.hpp"
#include "outbox.hpp"

namespace kindwire {

class prepared_message;

/// One end of a WebSocket connection after its opening handshake.
///
/// Bytes go in through prepare() and commit(), messages come out of poll(). The frames of send(), close() and
/// the protocol itself come out of output(), and consume() tells how much of it was written. Any call may be
/// made at any time, even between two fragments and while the connection is closing. Calls that may throw
/// std::bad_alloc say what becomes of the connection. Not thread safe; sessions share nothing. In the steady
/// state nothing is allocated.
///
/// The peer's Close does not affect what it sent before: messages that arrived before it are delivered,
/// whether or not the Close was seen or answered meanwhile.
class session {
 public:
  /// `extension` is what the handshake agreed on, or null. It must outlive the session, and may be passed on
  /// to another that continues where this one is_at_rest().
  explicit session(role self, session_options options = {}, message_extension* extension = nullptr) noexcept
      : output_(self, options.max_queued_pongs),
        decoder_(self),
        reassembler_({options.max_message_size, options.max_fragments, options.max_streamed_size}, extension),
        extension_(extension),
        self_(self),
        autoping_(options.autoping),
        sends_plainly_(extension == nullptr) {
    if (extension != nullptr) decoder_.allow_reserved(reserved_bits::of_messages(extension->reserved_bits()));
  }

  session(session&&) = default;
  session& operator=(session&&) = default;

  // Input.

  /// Room for at least `size` bytes from the peer, all of it usable. Valid until the next call except
  /// commit(). Leaves the view of the last message intact.
  std::span<std::byte> prepare(std::size_t size) {
    if (fits_frame(size)) {
      // All of it is payload of one frame: read it straight into the reassembler.
      destination_ = destination::reassembler;
      auto const room = reassembler_.prepare(size);
      return room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), decoder_.remaining())));
    }
    destination_ = takes_input() ? destination::inbox : destination::nowhere;
    auto const room = input_.prepare(size);
    fast_path_ = fast_path_ && input_.is_plain();
    return room;
  }

  /// The first `size` bytes of the room from prepare() were received. They are dropped if they follow the
  /// peer's Close (RFC 6455 §5.5.1), or once the connection has failed.
  void commit(std::size_t size) noexcept {
    if (destination_ == destination::inbox) [[likely]]
      return input_.commit(size);
    if (destination_ == destination::reassembler) return input_.commit_in_reassembler(size);
    if (input_.size() == 0) input_.drop();
  }

  /// The same for a block of your own: taken over as it is if nothing is unread, else copied. If there is no
  /// memory for the copy, this throws std::bad_alloc and the connection is lost, as the bytes are.
  void put(buffer block) {
    if (block.empty() || !takes_input()) return;
    if (input_.take_over(block)) return;
    unwinding guard{this};
    std::memcpy(prepare(block.size()).data(), block.bytes().data(), block.size());
    commit(block.size());
    guard.dismiss();
  }

  /// The peer's stream has ended: nothing more will be read. Call poll() or look_ahead() first, so that a
  /// Close that has arrived is seen.
  ///
  /// If the peer's Close was seen, the connection ends regularly: the Close is answered if it was not yet,
  /// and messages before it may still be polled. Otherwise the connection is lost: error() is
  /// connection_lost, close_code() is 1006 (RFC 6455 §7.1.5), and what was not polled is dropped.
  void end_of_input() noexcept;

  /// The next message; false if more bytes are needed or no more messages will come: see is_over(). TEXT and
  /// BINARY come whole; PING and PONG come only with autoping off; a CLOSE is never a message: see state(),
  /// close_code() and error(). When nothing is left before the peer's Close, the Close is answered.
  ///
  /// The view is valid until the next poll() or poll_some(); no other call invalidates it. If this throws
  /// std::bad_alloc, the connection is lost: error() says so.
  message poll() {
    if (fast_path_) [[likely]] {
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

  /// The next part of a message, for messages that are larger than memory: what has arrived of it, without
  /// waiting for the rest, and without gathering anything. False as for poll(). A chunk is not empty, unless
  /// it is the last of its message; PING and PONG, with autoping off, are one chunk each.
  ///
  /// `max_streamed_size` limits the whole message. Text is checked as it comes: at the first byte that no
  /// UTF-8 could hold there the connection fails with 1007, and the chunk with that byte is not given out. A
  /// compressed message is inflated by 64 KiB or a little more at a time. If the peer closes in the midst of
  /// a message, there is no last chunk.
  ///
  /// What poll() has gathered of an unfinished message is its first chunk. From the first chunk to the last,
  /// see receiving_chunks(), poll() gives nothing and leaves everything where it is; between messages either
  /// may be called. Views and std::bad_alloc as for poll().
  message_chunk poll_some();

  /// Scans input that was not polled, for callers that do not poll for a while, as when the application is
  /// busy with the last message. Messages stay where they are, and so does the view of the last one.
  ///
  /// Pings are answered, so that the peer gets its pongs. A broken rule directly after the last message fails
  /// the connection; after unread messages it is left to poll().
  ///
  /// A Close from the peer is seen, wherever it is: from then on close_received() is true, and close_code()
  /// and close_reason() are the peer's. With nothing unread before it, it is answered at once. Behind unread
  /// messages it is answered when poll() reaches it, or by answer_close(), close() or end_of_input(),
  /// whichever comes first; until then we may send, as only the peer has stopped sending. If our own Close
  /// was sent before, the handshake is complete, and the state is closed at once.
  ///
  /// If this throws std::bad_alloc, the connection is lost.
  void look_ahead();

  /// Answers a Close that was seen but not answered, without waiting for poll() to reach it: the state
  /// becomes closed, and the messages before the Close may still be polled. Does nothing otherwise. If this
  /// throws std::bad_alloc, nothing has changed.
  void answer_close();

  /// For callers that will not poll any more: drops all messages, including those still to come, and skips to
  /// the peer's Close, which is answered. Call it again when more has arrived. Control frames are answered as
  /// usual, and a framing violation fails the connection. From then on poll() returns nothing. The view of
  /// the last message stays. If this throws std::bad_alloc, the connection is lost.
  void discard();

  /// Drops input that was not polled, for a driver that is done with a closed session, which is then over.
  /// The view of the last message stays.
  void drop_input() noexcept { input_.drop(); }

  /// Bytes received and not yet polled.
  std::size_t unread_size() const noexcept { return input_.size(); }

  // Output.

  /// Queues one frame: a whole message, or with `fin` false the first fragment of one, which is continued by
  /// CONTINUATION frames until one has `fin` (RFC 6455 §5.4). Control frames may come in between. A CLOSE is
  /// close() with the code and reason in `payload`. The payload is copied (a client's masked), so it may lie
  /// anywhere except in output(). Text must be UTF-8. `how` says whether an extension may transform it; of a
  /// fragmented message, that of the first frame counts.
  ///
  /// Errors, with nothing queued: closed after close() or the peer's Close; fragment_in_progress,
  /// no_fragment_to_continue; invalid_argument for a control frame that is fragmented or over 125 bytes.
  std::error_code send(message_type type, std::span<std::byte const> payload, bool fin = true,
                       compress how = compress::yes) {
    if (begins_message(type) && fin && sends_plainly_ && is_open()) [[likely]] {
      output_.write(type, payload, fin);
      return {};
    }
    return send_any(type, payload, fin, how);
  }

  /// Queues a TEXT message.
  std::error_code send(std::string_view text, compress how = compress::yes) {
    return send(message_type::text, detail::as_bytes(text), true, how);
  }

  /// Queues a message that goes to other connections as well; include session/prepared_message.hpp for it.
  template <std::same_as<prepared_message> T>
  std::error_code send(T const& whole, compress how = compress::yes) {
    return send_prepared(whole, how);
  }

  /// Queues a TEXT or BINARY message whose payload message_extension::encoder() has made. invalid_argument
  /// without an extension; other errors as for send().
  std::error_code send_encoded(message_type type, std::span<std::byte const> encoded);

  /// Queues a whole TEXT or BINARY message that `write` appends to the outbound buffer itself: no copy, no
  /// string in between, unless there is an extension. `write(buffer&)` must only append; it returns false to
  /// give up, which is invalid_argument and queues nothing. Other errors as for send().
  template <class Write>
  std::error_code send_with(message_type type, Write&& write, compress how = compress::yes) {
    if (!begins_message(type)) return error::invalid_argument;
    if (!sends_plainly_ || !is_open()) [[unlikely]] {
      if (auto const wrong = check_send(type, 0, true); wrong != kindwire::error{}) return wrong;
      buffer whole;  // a block of the thread's
      if (!std::forward<Write>(write)(whole)) return error::invalid_argument;
      output_.write(*extension_, type, whole.bytes(), true, how);
      return {};
    }
    if (!output_.write_with(type, std::forward<Write>(write))) return error::invalid_argument;
    return {};
  }

  /// Queues a Close and stops sending: later sends fail with error::closed. Messages may still be polled
  /// until the peer answers. If its Close was already seen, this is the answer to it, and the state becomes
  /// closed. A second call does nothing. `no_status` sends an empty Close.
  ///
  /// Error, with nothing queued: invalid_argument for a code that must not be sent, or a reason that is not
  /// UTF-8 or over 123 bytes (RFC 6455 §5.5.1, §7.4).
  std::error_code close(kindwire::close_code code = kindwire::close_code::normal,
                        std::string_view reason = {});

  /// Fails the connection for a reason of our own, as if the peer had broken a rule: queues a Close with the
  /// code of `why` unless one was sent, and reports `why` (RFC 6455 §7.1.7). Input received so far may still
  /// be polled, later input is dropped: see is_over(). Does nothing once the state is closed. Used by drivers
  /// for timeouts. If this throws std::bad_alloc, nothing has changed.
  void fail(std::error_code why);

  /// Bytes to be written to the peer, in order. Valid until the next non-const call.
  std::span<std::byte const> output() const noexcept { return output_.bytes(); }

  /// The first `size` bytes of output() were written.
  void consume(std::size_t size) { output_.consume(size); }

  /// Hands all of output() over, for a driver that writes while more is queued.
  buffer take_output() { return output_.take(); }

  // State.

  /// True if a new session with the same options would be the same: it is open, with no input, output or view
  /// pending. For drivers that keep no session for a quiet connection.
  bool is_at_rest() const noexcept {
    return fast_path_ && is_open() && !sending_fragments_ && input_.is_at_rest() && output_.is_at_rest();
  }

  role self() const noexcept { return self_; }
  session_state state() const noexcept { return handshake_.state(); }
  bool is_open() const noexcept { return state() == session_state::open; }

  /// True when the state is closed and no input from before the end is left: poll() will never return a
  /// message again, nor poll_some() a chunk, and error() is final. Unread bytes count until poll() has found
  /// that they hold no message.
  bool is_over() const noexcept {
    return state() == session_state::closed && (input_use_ == input_use::ignore || input_.size() == 0);
  }

  /// What ended the connection, if it was not a close handshake: the rule that the peer broke,
  /// connection_lost, or the argument of fail(). No error while it is open. May be set beside a peer's Close
  /// that look_ahead() has seen, if input before the Close breaks a rule, or fail() was called.
  std::error_code error() const noexcept { return handshake_.error(); }

  /// The code of the peer's Close: no_status (1005) if it had no body, abnormal (1006) if none arrived (RFC
  /// 6455 §7.1.5).
  kindwire::close_code close_code() const noexcept { return handshake_.received_code(); }
  /// The reason of the peer's Close (§7.1.6); valid as long as the session.
  std::string_view close_reason() const noexcept { return handshake_.received_reason(); }

  /// True when our Close is queued or sent.
  bool close_sent() const noexcept { return handshake_.is_sent(); }
  /// The code of our own Close: no_status (1005) if it has no body, abnormal (1006) until we close.
  kindwire::close_code sent_close_code() const noexcept { return handshake_.sent_code(); }
  /// The reason in our own Close; valid as long as the session.
  std::string_view sent_close_reason() const noexcept { return handshake_.sent_reason(); }

  /// True between the first and the last fragment of a message that we send.
  bool sending_fragments() const noexcept { return sending_fragments_; }

  /// True between the first and the last chunk of a message that poll_some() gives out, unless the rest is
  /// not wanted any more.
  bool receiving_chunks() const noexcept {
    return reassembler_.in_parts() &&
           (input_use_ == input_use::deliver || input_use_ == input_use::deliver_rest);
  }

  /// True when the peer's Close was seen: polled, or looked ahead to.
  bool close_received() const noexcept { return handshake_.is_received(); }
  /// True when the peer's Close came before we queued ours. When both ends close at once, neither was closed
  /// by its peer.
  bool closed_by_peer() const noexcept { return handshake_.peer_was_first(); }

 private:
  // How bytes from the peer are used.
  enum class input_use : std::uint8_t {
    deliver,       // all input is for poll()
    deliver_rest,  // unread input is for poll(), and nothing follows: it ended with the peer's Close, or the
                   // connection was failed
    discard,       // messages are dropped, control frames are not
    ignore,        // input is dropped
  };
  // Where bytes in the room from prepare() go.
  enum class destination : std::uint8_t { inbox, reassembler, nowhere };
  // What walk() does with messages.
  enum class messages : std::uint8_t { deliver, pass_on, drop, keep };
  struct kept_frames;

  bool takes_input() const noexcept {
    return input_use_ == input_use::deliver || input_use_ == input_use::discard;
  }

  // True if the next `size` bytes are payload of the current data frame, nothing unread precedes them, and
  // enough of the message has arrived to reserve that much room.
  bool fits_frame(std::size_t size) const noexcept {
    return size != 0 && decoder_.remaining() >= size && unread_size() == 0 && !is_control(decoder_.type()) &&
           input_use_ == input_use::deliver && !reassembler_.inside_encoded() && !reassembler_.in_parts() &&
           reassembler_.may_reserve(size);
  }

  // Out of memory halfway through the input: what was decoded cannot be decoded again, so the connection is
  // lost.
  struct unwinding {
    session* self;
    ~unwinding() {
      if (self != nullptr) self->lose(std::make_error_code(std::errc::not_enough_memory));
    }
    void dismiss() noexcept { self = nullptr; }
  };

  message poll_any();
  template <messages Use>
  message poll_as();
  template <messages Use>
  message walk(basic_frame_decoder& decoder, std::span<std::byte>& input, kept_frames* kept = nullptr);

  message take_control(frame_chunk const& chunk);
  message take_whole_control(message_type type, std::span<std::byte const> payload);
  bool see_close(frame_chunk const& frame);
  void reach_close();

  std::error_code send_prepared(prepared_message const& whole, compress how);
  std::error_code send_any(message_type type, std::span<std::byte const> payload, bool fin, compress how);
  kindwire::error check_send(message_type type, std::size_t size, bool fin) const noexcept;
  std::error_code send_close_body(std::span<std::byte const> payload, bool fin);
  void write_close(kindwire::close_code code, std::string_view reason);
  void break_off(std::error_code why);
  void write_failure(std::error_code why);
  void lose(std::error_code why) noexcept;
  void ignore_input() noexcept;

  detail::inbox input_;
  detail::outbox output_;
  buffer control_;  // the part received of an incomplete control frame
  basic_frame_decoder decoder_;
  reassembler reassembler_;
  message_extension* extension_;
  detail::close_handshake handshake_;
  role self_;
  bool autoping_;
  // No partial frame or message, no view of a moved message, and nothing but messages to come: the fast path
  // of poll() applies.
  bool fast_path_ = true;
  bool sending_fragments_ = false;
  bool sends_plainly_;  // no extension, no message of ours half sent: the fast path of send() applies
  input_use input_use_ = input_use::deliver;
  destination destination_ = destination::inbox;
};

}  // namespace kindwire
