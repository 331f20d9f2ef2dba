// How a session processes its input: delivering, looking ahead, or discarding.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "session.hpp"

namespace kindwire {

// The frames that look_ahead() leaves for poll(). If frames between them are taken, they are moved together.
struct session::kept_frames {
  std::byte* end;  // of what stays
  bool any;        // something unread precedes the current frame
  // The input and the decoder at the beginning of the current frame.
  std::span<std::byte> begin;
  basic_frame_decoder before;

  void add(std::span<std::byte> frame) noexcept {
    if (end != frame.data()) std::memmove(end, frame.data(), frame.size());
    end += frame.size();
    any = true;
  }
};

// The one loop over frames. Takes them off the front of `input` up to the next message, or until nothing is
// left that can be taken.
//
// With messages::keep, frames of messages stay where they are, and so does an incomplete frame. `decoder` is
// then a copy, since what stays will be decoded again.
template <session::messages Use>
message session::walk(basic_frame_decoder& decoder, std::span<std::byte>& input,
                      [[maybe_unused]] kept_frames* kept) {
  while (input_use_ != input_use::ignore) {
    if constexpr (Use == messages::keep) {
      kept->begin = input;
      kept->before = decoder;
    }
    frame_chunk chunk = decoder.take(input);

    if constexpr (Use == messages::keep) {
      if (chunk && chunk.last) {
        opcode const type = chunk.header->type;
        bool const closes = type == opcode::close;
        if (!is_control(type) || (!autoping_ && !closes)) {
          kept->add(kept->begin.first(kept->begin.size() - input.size()));
          continue;
        }
        if (closes && kept->any) {
          // A body that breaks a rule is left to poll().
          input = see_close(chunk) ? input.last(0) : kept->begin;
          return {};
        }
      } else if (chunk || kept->any || !decoder.error()) {
        decoder = kept->before;
        input = kept->begin;
        return {};
      }
    }

    if (!chunk) {
      if (decoder.error()) break_off(decoder.error());
      return {};
    }
    if (is_control(chunk.header->type)) {
      // If nothing unread precedes it, it will not be decoded again.
      if constexpr (Use == messages::keep) {
        if (!kept->any) decoder_ = decoder;
      }
      message const result = take_control(chunk);
      if (result && (Use == messages::deliver || Use == messages::pass_on)) return result;
    } else if constexpr (Use == messages::pass_on) {
      std::size_t const offered = chunk.payload.size();
      message const result = reassembler_.unmask_and_pass(chunk);
      if (reassembler_.error()) {
        break_off(reassembler_.error());
      } else if (chunk.payload.size() != offered) {
        decoder.put_back(input, offered - chunk.payload.size());
      }
      if (result) return result;
    } else if constexpr (Use == messages::deliver) {
      if (message const result = reassembler_.unmask_and_add(chunk)) return result;
      if (reassembler_.error()) break_off(reassembler_.error());
    }
  }
  return {};
}

KINDWIRE_NOINLINE inline message session::poll_any() { return poll_as<messages::deliver>(); }

inline message_chunk session::poll_some() { return message_chunk{poll_as<messages::pass_on>()}; }

template <session::messages Use>
message session::poll_as() {
  if constexpr (Use == messages::deliver) {
    if (receiving_chunks()) return {};
  }
  fast_path_ = false;
  input_.end_view();
  if (decoder_.between_frames()) control_.release();
  if (input_use_ == input_use::discard) return discard(), message{};
  [[maybe_unused]] bool const was_over = is_over();
  unwinding guard{this};
  // An error that the fast path found. A session that is over has reported why.
  if (reassembler_.error() && input_use_ != input_use::ignore) break_off(reassembler_.error());
  reassembler_.release();
  message result;
  if (input_.in_reassembler() != 0) {
    std::span<std::byte> input = reassembler_.prepare(0).first(input_.take_from_reassembler());
    result = walk<messages::deliver>(decoder_, input);
  }
  if constexpr (Use == messages::pass_on) {
    // Once the last whole message was polled from a connection that has ended, a part of one is nothing that
    // can still come.
    if (!result && !was_over && input_use_ != input_use::ignore) result = reassembler_.pass_gathered();
  }
  if (!result) {
    std::span<std::byte> input = input_.unread();
    result = walk<Use>(decoder_, input);
    if (result) {
      input_.taken(input, result.bytes().data());
      if (!control_.empty()) input_.hold(std::exchange(control_, buffer{}));
    } else {
      // Everything was consumed: the decoder and the reassembler keep any partial header or message.
      input_.drop();
      if (input_use_ == input_use::deliver_rest) reach_close();
    }
  }
  fast_path_ = input_use_ == input_use::deliver && decoder_.between_frames() && reassembler_.empty() &&
               input_.is_plain() && control_.capacity() == 0;
  guard.dismiss();
  return result;
}

inline void session::look_ahead() {
  if (input_use_ == input_use::discard) return discard();
  unwinding guard{this};
  if (input_use_ == input_use::deliver) {
    std::span<std::byte> const all = input_.unread();
    std::size_t const scanned = input_.scanned();
    std::span<std::byte> input = all.subspan(scanned);
    basic_frame_decoder decoder = scanned == 0 ? decoder_ : decoder_.restarted();
    if (scanned == 0 && input_.in_reassembler() != 0) {
      std::span<std::byte> payload = reassembler_.prepare(0).first(input_.in_reassembler());
      decoder.take(payload);
    }
    kept_frames kept{input.data(), scanned != 0 || input_.in_reassembler() != 0, input, decoder};
    walk<messages::keep>(decoder, input, &kept);
    if (input_use_ != input_use::ignore) {
      auto const place = [&](std::byte const* at) { return static_cast<std::size_t>(at - all.data()); };
      input_.mark_scanned(place(kept.end), place(input.data()));
    }
  } else if (input_use_ == input_use::deliver_rest && input_.size() == 0) {
    reach_close();
  }
  guard.dismiss();
}

inline void session::discard() {
  fast_path_ = false;
  unwinding guard{this};
  if (input_use_ == input_use::deliver_rest) {
    reach_close();
  } else if (input_use_ != input_use::ignore) {
    input_use_ = input_use::discard;
    if (input_.in_reassembler() != 0) {
      std::span<std::byte> payload = reassembler_.prepare(0).first(input_.take_from_reassembler());
      decoder_.take(payload);
    }
    // Message payloads are no longer examined, not even for UTF-8: §5.5.1 does not ask an end that has sent a
    // Close to go on processing data.
    std::span<std::byte> input = input_.unread();
    walk<messages::drop>(decoder_, input);
    input_.drop();
  }
  guard.dismiss();
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
    close_body body;
    if (auto const wrong = read_close_body(payload, body)) {
      break_off(wrong);
    } else {
      handshake_.received(body);
      reach_close();
    }
    return {};
  }
  if (!autoping_) return {type, payload};
  // An unsolicited pong is not answered (RFC 6455 §5.5.3). Nothing follows our Close (§5.5.1).
  if (type == message_type::ping && !close_sent()) output_.queue_pong(payload);
  return {};
}

}  // namespace kindwire
