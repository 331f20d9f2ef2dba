// The outcome of a request.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../json/error_message.hpp"
#include "../json/text/printable.hpp"

namespace kindwire {

/// The answer to a request, or what is known about its absence. True if there is an answer; `*` and `->` may
/// only be used then.
template <class Answer>
class reply {
 public:
  reply() = default;
  explicit reply(Answer answer) : answer_(std::move(answer)) {}
  explicit reply(error_message why) : why_(std::move(why)) {}

  explicit operator bool() const noexcept { return answer_.has_value(); }

  Answer& operator*() & { return held(); }
  Answer const& operator*() const& { return const_cast<reply*>(this)->held(); }
  Answer&& operator*() && { return std::move(held()); }
  Answer* operator->() { return &held(); }
  Answer const* operator->() const { return &const_cast<reply*>(this)->held(); }

  /// With exchange_errc::refused: what the other side said. With invalid_answer: why it is invalid. With
  /// timed_out: what is known of the reason, if anything is.
  error_message const& why() const noexcept { return why_; }

 private:
  Answer& held() {
    assert(answer_.has_value());
    return *answer_;
  }

  std::optional<Answer> answer_;
  error_message why_;
};

/// Thrown by an awaited request without an answer: code() is the error, why() is reply::why(). Nothing that
/// the other side sent can forge a log line in what().
class request_error : public std::system_error {
 public:
  request_error(std::error_code code, error_message why)
      : std::system_error(explained(code, why)), why_(std::move(why)) {}

  error_message const& why() const noexcept { return why_; }

 private:
  static std::system_error explained(std::error_code code, error_message const& why) {
    std::string_view const text = why.message.empty() ? why.code : why.message;
    if (text.empty()) return std::system_error(code);
    std::string said;
    detail::append_printable(said, text);
    return std::system_error(code, said);
  }

  error_message why_;
};

}  // namespace kindwire
