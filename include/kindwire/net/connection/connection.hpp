// A session driven over an Asio stream: when to read and when to write. session/ending.hpp decides when and
// how it ends, session/keepalive.hpp whether the peer is alive; websocket.hpp is the public interface.
//
// turn.hpp defines what happens in a turn.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../frame/role.hpp"
#include "../../message/buffer.hpp"
#include "../../message/chunk.hpp"
#include "../../message/close.hpp"
#include "../../message/extension.hpp"
#include "../../message/message.hpp"
#include "../../message/prepared_message.hpp"
#include "../../message/shared_frames.hpp"
#include "../../session.hpp"
#include "../../session/ending.hpp"
#include "../../session/keepalive.hpp"
#include "../observer.hpp"
#include "../options.hpp"
#include "activity.hpp"
#include "kept_head.hpp"
#include "mailbox_place.hpp"
#include "observation.hpp"
#include "operation.hpp"
#include "queue_account.hpp"
#include "roster.hpp"
#include "transport.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

// Everything runs on the stream's executor, a strand if several threads run the context. The object lives as
// long as an operation of its own is under way, whatever happens to the user's websocket.
class connection : public roster_member {
 public:
  using clock = transport::clock;

  asio::any_io_executor const& executor() const noexcept { return stream().executor(); }
  session const& protocol() const noexcept { return place_.peek().protocol; }
  bool stream_open() const noexcept { return !ending_.has_ended(); }
  std::error_code error() const noexcept { return error_ ? error_ : protocol().error(); }

  endpoint remote_endpoint() const { return stream().remote_endpoint(); }
  void describe(request& head) const { stream().describe(head); }
  // Of the last ping of our own that was answered; negative before.
  std::chrono::milliseconds round_trip() const noexcept { return keepalive_.round_trip(); }

  // Null unless connection_options::statistics is set, or there is an observer.
  statistics const* counts() const noexcept { return place_.counts(); }
  void count_sent() noexcept {
    if (statistics* const counts = place_.counts()) [[unlikely]]
      note_sent(*counts);
  }

  kept_head& head() noexcept { return head_; }
  void set_head(kept_head head) noexcept { head_ = std::move(head); }
  // What the handshake agreed on, or null; before start().
  void set_extension(std::unique_ptr<message_extension> extension) {
    place_.set_extension(std::move(extension));
  }

  // Tells this observer from now on, and first that the connection is open; null for none. The head and the
  // extension are there. Before start(); may throw std::bad_alloc.
  void observe(std::shared_ptr<observer> by, connection_facts facts);
  // Counts what it has queued among that of all; before start(). May throw std::bad_alloc.
  void count_queue(std::shared_ptr<queue_account> among);

  // Bytes that followed the opening handshake are the first of the frames (RFC 6455 §4.1).
  void start(std::span<std::byte const> leftover);

  // Receiving.

  // A message that has already arrived, or false.
  message try_receive();
  // The same for the next chunk of one, which travels as a detail::part_of_message.
  message try_receive_some();

  // The stream is open, and no input is pending.
  bool is_quiet() const noexcept { return stream_open() && !ready() && protocol().unread_size() == 0; }

  // True if nothing more will arrive, so that a receive can be answered now. The answer is posted: a handler
  // that keeps asking, whatever it is told, must not keep everybody else waiting.
  bool has_ended() const noexcept { return !stream_open() || is_over(); }

  // True while a receive waits.
  bool receiving() const noexcept { return static_cast<bool>(receive_); }

  // True if the application has received a chunk, and not the last one, of a message that may still go on.
  bool in_chunks() const noexcept { return in_chunks_ && !is_over(); }

  void start_receive(operation<std::error_code, message> waiting);
  void start_receive_some(operation<std::error_code, message> waiting);
  // The same in two steps, while the stream is open: only the first may throw.
  void expect_receive() { schedule(); }
  void set_receive(operation<std::error_code, message> waiting, bool chunk = false) noexcept {
    waits_for_chunk_ = chunk;
    receive_ = std::move(waiting);
  }
  void cancel_receive() {
    if (receive_) receive_.post_or_complete(executor(), asio::error::operation_aborted, message{});
  }

  // Sending. Frames go into the session's output at the call. One write is under way at a time; frames queued
  // meanwhile leave in the next.

  // Bytes queued and not yet taken by the stream.
  std::size_t queued() const noexcept { return queued_own() + place_.peek().shared.size(); }
  // `beside`: bytes of it that do not count.
  bool may_send_more(std::size_t beside = 0) const noexcept {
    return queued() <= options().send_queue_soft + beside;
  }

  // A place in all that is sent, in bytes modulo 2^32: behind what is queued now.
  std::uint32_t queue_end() const noexcept { return written_ + static_cast<std::uint32_t>(queued()); }
  // Bytes queued before that place; none if it has been passed.
  std::size_t queued_before(std::uint32_t place) const noexcept {
    std::uint32_t const size = place - written_;
    return size <= queued() ? size : 0;
  }

  // `queue` puts one frame into the session's output. The hard mark never stops a fragmented message once
  // begun: what was sent of it would pass for the whole.
  template <class Queue>
  std::error_code send(Queue&& queue, marks which = marks::heeded) {
    if (mail_.is_open()) [[unlikely]]
      take_mail();
    if (which == marks::heeded && queued() >= options().send_queue_hard && protocol().is_open() &&
        !protocol().sending_fragments()) {
      tell_dropped();
      if (options().overflow == overflow_policy::close) fail(error::send_queue_full);
      return error::send_queue_full;
    }
    std::error_code const outcome = queue_frame(queue);
    if (mail_.is_open()) [[unlikely]]
      take_mail();  // mail that a fragmented message may have held back
    return outcome;
  }

  // A message that other connections get as well: by reference, if that costs less than a copy.
  std::error_code send(prepared_message const& whole, compress how, marks which = marks::heeded);

  // Whole frames that other connections get as well, of a connection that takes_shared_frames(). They are
  // queued whatever the marks say. `origin` is whom they are from: see drop_oldest(). Errors, with nothing
  // queued: closed; what the stream has failed with; not_enough_memory.
  enum class sharing : std::uint8_t {
    now,      // written at once if nothing is queued before them, else in a turn to come
    later,    // written in a turn to come
    by_hand,  // written by write_shared(), which the caller calls when it has queued all it has
  };
  std::error_code share(kindwire::detail::shared_frames const& frames, void const* origin, sharing when);
  void write_shared();
  // Drops the oldest messages of the origin that have not begun to leave, until no more than the soft mark is
  // queued, `beside` what does not count. Returns how many.
  std::size_t drop_oldest(void const* origin, std::size_t beside);
  // Whether some of the origin's wait to leave.
  bool holds(void const* origin) const noexcept { return place_.peek().shared.holds(origin); }
  // A server's that sends nothing that a frame must not get in between of (RFC 6455 §5.4). With an extension,
  // frames that its encoder has made, with its bits.
  bool takes_shared_frames() const noexcept {
    return protocol().self() == role::server && !protocol().sending_fragments() && !mail_.has_mail();
  }

  bool is_full() const noexcept { return queued() >= options().send_queue_hard; }
  bool is_full_with_mail(std::size_t beside = 0) const noexcept {
    return queued() + mail_.size() >= options().send_queue_hard + beside;
  }
  message_extension const* extension() const noexcept { return place_.extension(); }

  // Identifies an operation to the cancellation slot that may end it.
  std::uint32_t next_ticket() noexcept { return ++tickets_; }

  // Completes once the queue is at its soft mark or below.
  void wait_drained(operation<std::error_code> waiting, std::uint32_t ticket);
  void cancel_drain(std::uint32_t ticket) {
    if (!place_.is_at_rest()) place_.acquire().drains.cancel(executor(), ticket);
  }

  // What remotes send through.
  std::shared_ptr<mailbox> open_mailbox();
  void mail_arrived();

  // Closing.

  std::error_code close(close_code code, std::string_view reason);

  // Completes once the stream is closed.
  void wait_closed(operation<std::error_code> waiting, std::uint32_t ticket);
  void cancel_close(std::uint32_t ticket) {
    if (!place_.is_at_rest()) place_.acquire().closes.cancel(executor(), ticket);
  }

  // Ends the connection for a reason of our own (RFC 6455 §7.1.7).
  void fail(std::error_code why);

  // The user's websocket is gone, so nothing can be received or closed any more. What fits into one write
  // without waiting is still sent, followed by a Close. If both Closes were already exchanged, queued output
  // and the end of the stream still take their course: a stream closed with input unread is reset, and a
  // reset may overtake our Close.
  void destroy_websocket();

  // The server's handler is done with it: queued output is still sent, and the close handshake goes on
  // without the application.
  void handler_finished(close_code code);

  // The server stops. Messages that arrive before the peer's Close are still delivered.
  void stop(close_code code) override;
  // The server has waited long enough.
  void stop_now() override;

  // Closes the stream at once; waiting operations end with `why`.
  void cut(std::error_code why);

  // The context is being destroyed with an operation of ours pending: see operation_guard. A coroutine that
  // waits for the connection may be what keeps it alive.
  void drop_operations() noexcept;

  // For the transport.

  bool reading() const noexcept { return reading_; }
  bool writing() const noexcept { return writing_; }
  // The output being written, at most one turn's worth.
  std::span<std::byte const> unsent() const noexcept {
    activity const& now = place_.peek();
    if (now.shared.empty()) [[likely]]
      return a_turn_of(now.in_flight.bytes());
    std::size_t const own = (std::min)(now.shared.own_first(), now.in_flight.size());
    return a_turn_of(own != 0 ? now.in_flight.bytes().first(own) : now.shared.run_first());
  }

  std::span<std::byte> room_for_input(std::size_t size) {
    auto const room = place_.acquire().protocol.prepare(size).first(size);
    if (observation* const seen = place_.observed(); seen != nullptr && seen->frames) [[unlikely]]
      seen->frames->room = room;
    return room;
  }

  // The stream has read `size` bytes into the room, or a `block` of its own.
  void on_read(std::error_code failure, std::size_t size);
  void on_read(std::error_code failure, buffer block);
  // The same while a read is still under way: see transport::read_now().
  void on_read_now(std::size_t size);
  // The stream has taken the first `size` bytes of unsent().
  void on_written(std::error_code failure, std::size_t size);
  // The timer set for `due` has expired.
  void on_timer(clock::time_point due);

 protected:
  connection(role self, std::shared_ptr<connection_options const> options) noexcept
      : place_(self, std::move(options)) {}
  ~connection() override { tell_end(); }

 private:
  // The transport, part of the same object.
  virtual transport& stream() noexcept = 0;
  virtual transport const& stream() const noexcept = 0;

  connection_options const& options() const noexcept { return place_.options(); }
  std::error_code write_failed() const noexcept { return place_.peek().write_failed; }
  // Of what this connection has queued itself.
  std::size_t queued_own() const noexcept {
    activity const& now = place_.peek();
    return now.protocol.output().size() + now.in_flight.size();
  }
  bool ready() const noexcept { return static_cast<bool>(place_.peek().ready); }
  std::shared_ptr<connection> shared() { return std::static_pointer_cast<connection>(shared_from_this()); }

  // True once no more messages will arrive; error() then says how it ended.
  bool is_over() const noexcept { return !ready() && protocol().is_over(); }

  // Runs `work`, which starts an operation of the stream; false if out of memory. The handler is then
  // destroyed, which says nothing about the context: see drop_operations().
  template <class Work>
  bool start_operation(Work&& work) {
    starting_ = true;
    bool const started = try_allocating(std::forward<Work>(work));
    starting_ = false;
    return started;
  }

  // A turn does everything that can be done now.
  void schedule();
  void advance();
  void deliver();
  void flush();
  std::size_t write_queued(std::error_code& failure);
  void take_written(std::size_t size);
  void read();
  bool is_behind() const noexcept;

  message take_message();
  message take_chunk();
  bool may_take_early() const noexcept;
  message poll();
  message poll_some();
  void schedule_after_taking();
  bool holds_back() const noexcept;
  bool is_too_often(message const& next);
  void break_off_rate();
  void wait_for_token();
  bool drops_input() const noexcept;
  void on_input(std::error_code failure, std::size_t size);
  void note_end_of_input();
  void end_input(std::error_code failure);

  void take_mail() {
    if (!mail_.is_open()) [[likely]]
      return;
    mail_.deliver_from_sources();
    if (mail_.has_mail()) collect_mail();
  }
  void collect_mail();
  template <class Queue>
  std::error_code queue_frame(Queue&& queue) {
    if (write_failed()) return write_failed();
    if (!stream_open() && protocol().is_open())
      return error() ? error() : make_error_code(kindwire::error::closed);
    if (protocol().is_open()) schedule();  // first: if it throws, nothing is queued
    return queue(place_.acquire().protocol);
  }

  std::span<std::byte const> a_turn_of(std::span<std::byte const> bytes) const noexcept {
    if (bytes.size() <= 4096) return bytes;
    // An echo of all that one turn reads is a little longer than that: what was left of the turn before.
    std::size_t const turn = stream().turn_size();
    return bytes.size() <= turn + turn / 2 ? bytes : bytes.first(turn);
  }
  void write_on();
  void wrote(std::size_t size) noexcept {
    written_ += static_cast<std::uint32_t>(size);
    if (statistics* const counts = place_.counts()) [[unlikely]]
      counts->bytes_sent += size;
  }
  void came(std::size_t size) noexcept {
    if (statistics* const counts = place_.counts()) [[unlikely]]
      counts->bytes_received += size;
  }
  // From outside of a turn, and with none to come, as a hub sends.
  void note_sent(statistics& counts) noexcept {
    ++counts.messages_sent;
    if (place_.observed() != nullptr && !scheduled_ && !in_turn_) tell_traffic();
  }

  // After the end there are no more turns to tell of it.
  void note_received(statistics& counts) noexcept {
    ++counts.messages_received;
    if (place_.observed() != nullptr && !stream_open()) tell_traffic();
  }
  // The stream has read `size` bytes into the room for input.
  void see_received(std::size_t size) noexcept {
    if (observation* const seen = place_.observed(); seen != nullptr && seen->frames) [[unlikely]]
      seen->saw_received(seen->frames->room.first(size));
  }

  // To the observer; the first three only if there is one.
  void tell_traffic() noexcept;
  void tell_turn() noexcept;
  void tell_sent(std::size_t size) noexcept;
  void tell_end() noexcept;
  void tell_dropped() noexcept;
  void tell_round_trip() noexcept;

  void on_write_failed(std::error_code failure);
  void drop_output() noexcept;
  void note_queue(queue_charge& charge, bool anew) noexcept;
  void wake_drained();
  std::error_code drained_outcome() const noexcept;

  void tick(clock::time_point due);
  bool looks_again();
  static clock::time_point with_others(clock::time_point due);
  kindwire::detail::keepalive::facts known_of_life() const noexcept;
  kindwire::detail::ending::facts known_of_ending() const noexcept;
  bool run_ending();
  void end_stream();
  void finish(std::error_code outcome);
  void end_operations(std::error_code outcome);
  void fail_session(std::error_code why);
  bool set_timer(clock::time_point at, bool keeps);

  // Ordered so that small members fill padding: there may be many connections.
  [[no_unique_address]] activity_place place_;
  [[no_unique_address]] kindwire::detail::keepalive keepalive_;
  [[no_unique_address]] kindwire::detail::ending ending_;
  std::uint32_t written_ = 0;  // bytes that the stream has taken, modulo 2^32
  std::uint32_t tickets_ = 0;
  bool message_out_ = false;    // the application holds a view of the last message
  bool asked_ = false;          // the application has received: see ending
  bool starting_ : 1 = false;   // see start_operation()
  bool scheduled_ : 1 = false;  // a turn is posted
  bool in_turn_ : 1 = false;
  bool again_ : 1 = false;  // more to do came up during the turn
  bool reading_ : 1 = false;
  bool writing_ : 1 = false;
  bool input_ended_ : 1 = false;
  bool unattended_ : 1 = false;       // the application is gone
  bool looked_ : 1 = false;           // see looks_again()
  bool held_back_ : 1 = false;        // input is left until there are tokens again: see rate_policy::slow
  bool waits_for_chunk_ : 1 = false;  // what receive_ is completed with
  bool in_chunks_ : 1 = false;        // between the first and the last chunk that the application receives
  std::error_code error_;             // the stream's, if that ended the connection
  operation<std::error_code, message> receive_;
  kept_head head_;
  mailbox_place mail_;
};

}  // namespace kindwire::net::detail
