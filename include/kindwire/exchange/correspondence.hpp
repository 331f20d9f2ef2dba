// Reads a connection, and tells answers from other messages: the inside of a correspondent.
#pragma once

#include "../net/requirements.hpp"

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../frame/role.hpp"
#include "../json/correlated.hpp"
#include "../json/encoding_error.hpp"
#include "../json/error_message.hpp"
#include "../json/text/printable.hpp"
#include "../message/close.hpp"
#include "../message/message.hpp"
#include "../net/connection/operation.hpp"
#include "../net/connection/try_allocating.hpp"
#include "../net/websocket.hpp"
#include "answer.hpp"
#include "errors.hpp"
#include "pending_requests.hpp"

namespace kindwire {

/// What a correspondent does with an answer to nothing that was asked: a message of a kind that answers an
/// earlier question, with an id that was never used. (A late answer is dropped. An ERROR may be about
/// anything that was sent: receive() gets it.)
enum class on_unknown_id {
  close,    ///< closes with 1008; outstanding requests end with exchange_errc::unknown_id
  deliver,  ///< receive() gets it
};

/// The options of a correspondent. The views must live as long as it.
struct correspondent_options {
  /// The member that carries the id. No question, answer or ERROR may have a field of this name.
  std::string_view id_name = "id";
  std::string_view key = "kind";  ///< the member that carries the kind
  /// Bytes of memory for messages that are not answers and wait for receive(): their text and some 50 bytes
  /// of overhead each. At this mark, which the last of them may exceed, nothing more is read, answers
  /// included, until some are received: a program that asks must also receive.
  std::size_t read_ahead = std::size_t{256} << 10;
  /// A peer that confuses ids may also give the wrong answer to a question.
  kindwire::on_unknown_id on_unknown_id = kindwire::on_unknown_id::close;
};

namespace detail {

class correspondence : public std::enable_shared_from_this<correspondence> {
 public:
  using receiving = net::detail::tracked_operation<std::error_code, message>;

  correspondence(net::websocket own, correspondent_options const& options)
      : own_(std::move(own)), ws_(&own_), options_(options), pending_(ws_->get_executor()) {
    choose_ids();
  }
  correspondence(net::websocket* borrowed, correspondent_options const& options)
      : ws_(borrowed), options_(options), pending_(ws_->get_executor()) {
    choose_ids();
  }

  net::websocket& websocket() noexcept { return *ws_; }
  // Valid even when the websocket is gone.
  asio::any_io_executor executor() { return pending_.get_executor(); }
  correspondent_options const& options() const noexcept { return options_; }
  std::size_t outstanding() const noexcept { return pending_.size(); }
  std::uint64_t late_answers() const noexcept { return late_answers_; }

  // Keeps one receive of the websocket under way, as long as there is room for messages.
  void read() {
    if (reading_ || ended_) return;
    // The connection's end may go unnoticed from now on.
    if (!may_read()) return pending_.rest();
    reading_ = true;
    ws_->receive(asio::bind_cancellation_slot(
        stop_.slot(), [weak = weak_from_this()](std::error_code error, message const& msg) {
          auto const self = weak.lock();
          if (!self) return;
          self->reading_ = false;
          if (error || !msg) return self->end(error);
          // An exception from a codec or a handler leaves through io_context::run(), and reading goes on.
          try {
            self->take(msg);
          } catch (...) {
            self->read();
            throw;
          }
          self->read();
        }));
  }

  // Asks. An immediate failure ends the request as well.
  template <class Answer, class Question>
  std::shared_ptr<pending_request_for<Answer>> ask(Question const& question,
                                                   pending_request::clock::time_point deadline) {
    using answer = answer_of<Answer>;
    // Without an id: cancelling by id must only reach questions that were sent.
    auto const failed = [deadline](std::error_code why, error_message what = {}) {
      auto const one = std::make_shared<pending_request_for<Answer>>(answer::kinds, 0, deadline);
      one->fail(why, std::move(what));
      return one;
    };
    if (ended_) return failed(end_error_ ? end_error_ : make_error_code(error::closed));
    if (schema<Question>.key != options_.key)
      return failed(error::invalid_argument,
                    not_to_be_asked("the question's kind stands under", schema<Question>.key));
    if (answer::key != options_.key)
      return failed(error::invalid_argument, not_to_be_asked("the answer's kind stands under", answer::key));
    // Its own field is not our id: serve() would send it as the id.
    if (answer::has_field(options_.id_name))
      return failed(error::invalid_argument,
                    not_to_be_asked("the answer has a field of its own called", options_.id_name));
    if (options_.id_name.empty() || has_field<error_message>(options_.id_name))
      return failed(error::invalid_argument,
                    not_to_be_asked("an ERROR cannot have an id called", options_.id_name));
    auto one = std::make_shared<pending_request_for<Answer>>(answer::kinds, next_id_, deadline);
    std::array<char, 24> digits;
    char* const last = std::to_chars(digits.data(), digits.data() + digits.size(), next_id_).ptr;
    std::string_view const text{digits.data(), static_cast<std::size_t>(last - digits.data())};
    correlated<Question> const asked{question, options_.id_name, text};
    if (auto const why = ws_->try_send(asked)) {
      if (why.category() != encoding_category()) return failed(why);
      std::string ignored;
      auto const encoded = encode(asked, ignored);
      return failed(error::invalid_argument, encoded ? error_message{} : to_message(encoded.error()));
    }
    next_id_ += 2;
    for (std::string_view const kind : answer::kinds) note_answer_kind(kind);
    pending_.add(one, weak_from_this(), expiry{});
    return one;
  }

  void cancel(std::uint64_t id) {
    if (auto const one = pending_.take(id)) one->fail(asio::error::operation_aborted);
    read();
  }

  // We may have closed. Input before the peer's Close is still read, for the answers.
  void note_close() {
    closing_ = !ws_->is_open();
    read();
  }

  message try_receive() {
    if (receive_ || queue_.empty()) return {};
    message const next = take_queued();
    read();
    return next;
  }

  bool is_receiving() const noexcept { return static_cast<bool>(receive_); }

  void start_receive(receiving waiting) {
    if (receive_) return waiting.post(make_error_code(error::operation_in_progress), message{});
    receive_ = std::move(waiting);
    if (!queue_.empty() || ended_) asio::post(executor(), [self = shared_from_this()] { self->hand_over(); });
    read();
  }
  void cancel_receive() {
    if (receive_) receive_.post(asio::error::operation_aborted, message{});
  }

  // The correspondent is gone, and a websocket that it owns with it.
  void abandon() {
    stop_.emit(asio::cancellation_type::all);
    cancel_receive();
    end(asio::error::operation_aborted);
    own_ = net::websocket{};
  }

 private:
  struct expiry {
    void operator()(correspondence& self) const {
      self.pending_.end_overdue(self.weak_from_this(), *this, self.why_unread());
    }
  };

  struct kept {
    message_type type = message_type::text;
    std::string bytes;
  };
  static message view_of(kept const& from) noexcept { return {from.type, as_bytes(from.bytes)}; }

  static std::size_t memory_of(kept const& one) noexcept { return sizeof one + one.bytes.capacity(); }

  // One end uses odd ids and the other even ones, so that a question of one is never an answer to the other.
  void choose_ids() noexcept { next_id_ = net::detail::websocket_access::self(*ws_) == role::client ? 1 : 2; }

  static error_message not_to_be_asked(std::string why, std::string_view name) {
    why += ' ';
    append_quoted(why, name);
    return {"invalid_argument", {}, std::move(why)};
  }

  // Why no answer can arrive, if that is so.
  error_message why_unread() const {
    if (has_room()) return {};
    return {"read_ahead",
            {},
            std::to_string(queued_) +
                " bytes of other messages wait for receive(), and "
                "until some are received, nothing more is read"};
  }

  bool has_room() const noexcept { return queued_ < options_.read_ahead || receive_; }
  bool may_read() const noexcept { return has_room() || closing_; }

  void note_answer_kind(std::string_view kind) {
    if (!may_be_answer(kind)) answer_kinds_.push_back(kind);
  }

  bool may_be_answer(std::string_view kind) const noexcept {
    return std::find(answer_kinds_.begin(), answer_kinds_.end(), kind) != answer_kinds_.end();
  }

  void take(message const& msg) {
    bool const taken = net::detail::try_allocating([&] {
      if (!msg.is_text() || !take_answer(msg.text())) keep(msg);
    });
    if (!taken) give_up(net::detail::no_memory(), close_code::internal_error, {});
    hand_over();
  }

  // Closes, and ends outstanding requests.
  void give_up(std::error_code why, close_code code, std::string_view reason) {
    end_error_ = why;
    pending_.end_all(why);
    ws_->try_close(code, reason);
    closing_ = true;
  }

  // False if it is not an answer.
  bool take_answer(std::string_view text) {
    if (next_id_ <= 2) return false;  // nothing was asked yet
    message_head const head = read_head(text, options_.key, options_.id_name);
    bool const is_error = head.kind() == kind_of<error_message>;
    if (head.id().empty()) return false;
    char const* const end = head.id().data() + head.id().size();
    std::uint64_t id = 0;
    auto const [last, wrong] = std::from_chars(head.id().data(), end, id);
    if (wrong != std::errc{} || last != end) return false;
    if ((id & 1) != (next_id_ & 1) || id == 0) return false;
    if (!is_error && !may_be_answer(head.kind())) {
      if (auto const one = pending_.find(id)) one->note_other(head.kind());
      return false;
    }
    if (id >= next_id_) {
      if (options_.on_unknown_id == on_unknown_id::deliver || !may_be_answer(head.kind())) return false;
      give_up(exchange_errc::unknown_id, close_code::policy_violation, "an answer to nothing that was asked");
      return true;
    }
    auto const one = pending_.find(id);
    if (!one) {
      ++late_answers_;
      return true;
    }
    if (one->is_answered_by(head.kind())) {
      pending_.take(id)->answer(text);
      return true;
    }
    pending_.take(id);
    if (!is_error) {
      one->fail_kind(options_.key, head.kind());
      return true;
    }
    auto said = decode<error_message>(text);
    if (said) {
      one->fail(exchange_errc::refused, *std::move(said));
    } else {
      one->fail(exchange_errc::refused, {"ERROR", {}, std::string{cut_text(text, 256)}});
    }
    return true;
  }

  void keep(message const& msg) {
    if (closing_ && !has_room()) return;  // nobody receives it, and answers may follow it
    queue_.push_back({msg.type(), std::string{msg.text()}});
    queued_ += memory_of(queue_.back());
  }

  message take_queued() {
    queued_ -= memory_of(queue_.front());
    current_ = std::move(queue_.front());
    queue_.pop_front();
    return view_of(current_);
  }

  // Completes the waiting receive now, while its view is valid.
  void hand_over() {
    if (!receive_) return;
    if (!queue_.empty()) {
      message const next = take_queued();
      read();
      receive_.complete(std::error_code{}, next);
    } else if (ended_) {
      receive_.complete(end_error_, message{});
    }
  }

  void end(std::error_code why) {
    if (ended_) return;
    ended_ = true;
    if (!end_error_) end_error_ = why;
    pending_.end_all(end_error_ ? end_error_ : make_error_code(error::closed));
    if (receive_ && queue_.empty()) receive_.post(end_error_, message{});
  }

  net::websocket own_;
  net::websocket* ws_;
  correspondent_options options_;
  pending_requests pending_;
  std::vector<std::string_view> answer_kinds_;
  std::uint64_t next_id_ = 1;
  std::uint64_t late_answers_ = 0;
  std::deque<kept> queue_;
  std::size_t queued_ = 0;
  kept current_;  // the message last received
  receiving receive_;
  asio::cancellation_signal stop_;
  std::error_code end_error_;
  bool reading_ = false;
  bool closing_ = false;  // by us
  bool ended_ = false;
};

}  // namespace detail
}  // namespace kindwire
