// Questions that wait for their answers, each with a deadline.
#pragma once

#include "../net/requirements.hpp"

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "../json/error.hpp"
#include "../json/error_message.hpp"
#include "../json/reader.hpp"
#include "../json/text/printable.hpp"
#include "../net/connection/deadline.hpp"
#include "../net/connection/operation.hpp"
#include "../net/connection/try_allocating.hpp"
#include "../session/deadline.hpp"
#include "errors.hpp"
#include "reply.hpp"

namespace kindwire::detail {

// One question. Its answer may arrive before anything waits for it: sending and waiting are two steps.
class pending_request {
 public:
  using clock = std::chrono::steady_clock;

  // The kinds' names must live as long as this.
  pending_request(std::span<std::string_view const> answer_kinds, std::uint64_t id,
                  clock::time_point deadline) noexcept
      : kinds_(answer_kinds), id_(id), deadline_(deadline), asked_(clock::now()) {}
  pending_request(pending_request const&) = delete;
  pending_request& operator=(pending_request const&) = delete;
  virtual ~pending_request() = default;

  bool is_answered_by(std::string_view kind) const noexcept {
    return std::find(kinds_.begin(), kinds_.end(), kind) != kinds_.end();
  }
  std::uint64_t id() const noexcept { return id_; }
  clock::time_point deadline() const noexcept { return deadline_; }

  // False if it is overdue. True if that was noticed so late that its answer may have arrived unread: it gets
  // as much time again, twice in a row.
  bool renew(clock::time_point now) noexcept {
    auto const term = deadline_ - asked_;
    if (!excuses_.give(now - deadline_, term)) return false;
    asked_ = now;
    deadline_ = time_after(now, term);
    return true;
  }

  // An error, with `why` unless something else was noted.
  void time_out(error_message why) {
    if (note_.code.empty()) note_ = std::move(why);
    fail(exchange_errc::timed_out, std::move(note_));
  }

  // A message of another kind has the id: perhaps by chance, or the answer that is waited for in vain.
  void note_other(std::string_view kind) {
    std::string text = "a message of kind ";
    append_quoted(text, kind);
    text += " has the question's id, and is not an answer to it";
    note_ = {"wrong_kind", {}, std::move(text)};
  }

  // An answer to another question has the id.
  void fail_kind(std::string_view key, std::string_view kind) {
    json_error error;
    error.code = kinds_.size() == 1 ? json_errc::wrong_kind : json_errc::unknown_kind;
    error.expected = kinds_[0];
    error.found = cut_text(kind, 64);
    error.known = kinds_;
    prepend_step(error.path, key);
    fail(exchange_errc::invalid_answer, to_message(error));
  }

  // Takes the text of a message of one of these kinds.
  virtual void answer(std::string_view text) = 0;
  virtual void fail(std::error_code error, error_message why) = 0;
  void fail(std::error_code error) { fail(error, {}); }

 private:
  std::span<std::string_view const> kinds_;
  std::uint64_t id_;
  clock::time_point deadline_;
  clock::time_point asked_;
  error_message note_;
  excuses excuses_;
};

// Handlers never run inside these calls.
template <class Answer>
class pending_request_for final : public pending_request {
 public:
  // For requests with a token, and for awaited ones, which throw with all that is known.
  using with_token = net::detail::tracked_operation<std::error_code, reply<Answer>>;
  struct result {
    std::error_code error;
    reply<Answer> what;
  };
  using with_result = net::detail::tracked_operation<result>;

  using pending_request::fail;
  using pending_request::pending_request;

  void answer(std::string_view text) override {
    try {
      auto decoded = decode<Answer>(text);
      if (!decoded) return fail(exchange_errc::invalid_answer, to_message(decoded.error()));
      end({{}, reply<Answer>(*std::move(decoded))});
    } catch (std::bad_alloc const&) {
      fail(net::detail::no_memory());
      throw;
    } catch (...) {  // from a codec
      fail(exchange_errc::invalid_answer);
      throw;
    }
  }

  void fail(std::error_code error, error_message why) override {
    end({error, reply<Answer>(std::move(why))});
  }

  void wait(with_token waiting) {
    with_token_ = std::move(waiting);
    deliver();
  }
  void wait(with_result waiting) {
    with_result_ = std::move(waiting);
    deliver();
  }

 private:
  void end(result with) {
    result_ = std::move(with);
    deliver();
  }

  void deliver() {
    if (!result_) return;
    if (with_token_) with_token_.post(result_->error, std::move(result_->what));
    if (with_result_) with_result_.post(*std::move(result_));
  }

  std::optional<result> result_;
  with_token with_token_;
  with_result with_result_;
};

// All pending requests. Not thread safe.
class pending_requests {
 public:
  using clock = pending_request::clock;
  using entry = std::shared_ptr<pending_request>;

  explicit pending_requests(asio::any_io_executor const& executor) : executor_(executor), timer_(executor) {}

  asio::any_io_executor const& get_executor() const noexcept { return executor_; }
  std::size_t size() const noexcept { return by_id_.size(); }

  // Calls `expire(owner)` at a deadline, whether or not its question still waits; that must call
  // end_overdue(). Thus questions that are answered cost the timer nothing.
  template <class Owner, class Expire>
  void add(entry fresh, std::weak_ptr<Owner> owner, Expire expire) {
    auto const deadline = fresh->deadline();
    auto const id = fresh->id();
    try {
      by_id_.emplace(id, std::move(fresh));
      by_deadline_.emplace(deadline, id);
      if (!armed_ || deadline < *armed_) arm(deadline, std::move(owner), std::move(expire));
    } catch (...) {  // no memory: it was never asked
      by_deadline_.erase({deadline, id});
      by_id_.erase(id);
      throw;
    }
  }

  entry find(std::uint64_t id) const {
    auto const found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }

  // Removes it: it ends, or has ended.
  entry take(std::uint64_t id) {
    auto const found = by_id_.find(id);
    if (found == by_id_.end()) return nullptr;
    entry const one = std::move(found->second);
    by_id_.erase(found);
    by_deadline_.erase({one->deadline(), id});
    return one;
  }

  // `why`: what is known of all of them.
  template <class Owner, class Expire>
  void end_overdue(std::weak_ptr<Owner> owner, Expire expire, error_message const& why) {
    armed_.reset();
    auto const now = clock::now();
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
      auto const id = by_deadline_.begin()->second;
      auto const one = find(id);
      if (one->renew(now)) {
        auto place = by_deadline_.extract(by_deadline_.begin());
        place.value().first = one->deadline();
        by_deadline_.insert(std::move(place));
      } else {
        take(id)->time_out(why);
      }
    }
    if (by_deadline_.empty()) return;
    bool const armed = net::detail::try_allocating(
        [&] { arm(by_deadline_.begin()->first, std::move(owner), std::move(expire)); });
    if (!armed) end_all(net::detail::no_memory());
  }

  // Stops the timer if no question waits, so that it does not keep the context running.
  void rest() {
    if (by_id_.empty()) disarm();
  }

  void end_all(std::error_code error) {
    by_deadline_.clear();
    disarm();
    for (auto const& [id, one] : std::exchange(by_id_, {})) one->fail(error);
  }

 private:
  template <class Owner, class Expire>
  void arm(clock::time_point deadline, std::weak_ptr<Owner> owner, Expire expire) {
    timer_.start_at(deadline, std::move(owner), std::move(expire));
    armed_ = deadline;
  }

  void disarm() {
    if (!armed_) return;
    armed_.reset();
    timer_.cancel();
  }

  std::unordered_map<std::uint64_t, entry> by_id_;
  std::set<std::pair<clock::time_point, std::uint64_t>> by_deadline_;
  asio::any_io_executor executor_;
  net::detail::deadline timer_;
  std::optional<clock::time_point> armed_;
};

}  // namespace kindwire::detail
