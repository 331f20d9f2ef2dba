// A server's own check before it accepts a websocket: a function, or a coroutine that may wait for a
// database.
//
//     asio::awaitable<kw::net::response_or<user>> identify(kw::request const& head) {
//       auto const found = co_await tokens.find(head.header("Authorization").value_or(""));
//       if (!found) co_return kw::response::plain(401);
//       co_return user{*found};
//     }
//     asio::awaitable<void> chat(kw::net::websocket& ws, user& who) { … }
//
//     server.websocket("/chat", chat, {.before = identify});
#pragma once

#include "requirements.hpp"

#include <asio/awaitable.hpp>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "../handshake/request.hpp"
#include "../handshake/response.hpp"

namespace kindwire::net {

/// What a check of a route finds: a response that refuses, or a T, which the handler gets.
template <class T>
using response_or = std::variant<response, T>;

namespace detail {

// What a check has found, for the handler; null for nothing.
using found_value = std::shared_ptr<void>;

// Names a type without run-time type information.
using type_mark = void const*;
template <class T>
inline char mark_of_type = 0;  // a variable: linkers fold constants that are equal
template <class T>
type_mark mark_of() noexcept {
  return &mark_of_type<T>;
}

// How the result of a check is used: `found` is void for one that only refuses.
template <class Result>
struct check_result {
  static constexpr bool is_one = std::convertible_to<Result, std::optional<response>>;
  static constexpr bool waits = false;
  using found = void;
};
template <class T>
struct check_result<response_or<T>> {
  static constexpr bool is_one = true;
  static constexpr bool waits = false;
  using found = T;
};
template <class Result>
struct check_result<asio::awaitable<Result>> : check_result<Result> {
  static constexpr bool waits = true;
};

template <class Check>
using result_of_check = check_result<std::remove_cvref_t<std::invoke_result_t<Check&, request const&>>>;

// A check of any form. It is asked once for each request, by several threads at a time if the server has
// them.
class any_check {
 public:
  any_check() noexcept = default;
  any_check(any_check const&) = delete;
  any_check& operator=(any_check const&) = delete;
  virtual ~any_check() = default;

  // Either of the two, as waits() says: a response refuses, nothing accepts and may have set `found`. The
  // check and both arguments must stay in place until the awaitable has completed.
  virtual std::optional<response> ask(request const& head, found_value& found) = 0;
  virtual asio::awaitable<std::optional<response>> ask_later(request const& head, found_value& found) = 0;

  virtual bool waits() const noexcept = 0;
  // Of the type of what it finds; null for nothing.
  virtual type_mark finds() const noexcept = 0;
};

template <class Check>
class stored_check final : public any_check {
 public:
  explicit stored_check(Check&& from) : check_(std::move(from)) {}

  std::optional<response> ask([[maybe_unused]] request const& head,
                              [[maybe_unused]] found_value& found) override {
    if constexpr (result::waits) {
      return std::nullopt;
    } else {
      return verdict(check_(head), found);
    }
  }

  asio::awaitable<std::optional<response>> ask_later([[maybe_unused]] request const& head,
                                                     [[maybe_unused]] found_value& found) override {
    if constexpr (result::waits) {
      auto outcome = co_await check_(head);
      co_return verdict(std::move(outcome), found);
    } else {
      co_return std::nullopt;
    }
  }

  bool waits() const noexcept override { return result::waits; }
  type_mark finds() const noexcept override {
    if constexpr (std::is_void_v<typename result::found>) {
      return nullptr;
    } else {
      return mark_of<typename result::found>();
    }
  }

 private:
  using result = result_of_check<Check>;

  template <class Outcome>
  static std::optional<response> verdict(Outcome&& outcome, found_value& found) {
    using found_type = typename result::found;
    if constexpr (std::is_void_v<found_type>) {
      return std::forward<Outcome>(outcome);
    } else {
      if (outcome.index() == 0) return std::get<0>(std::forward<Outcome>(outcome));
      found = std::make_shared<found_type>(std::get<1>(std::forward<Outcome>(outcome)));
      return std::nullopt;
    }
  }

  Check check_;
};

template <class Check>
bool is_empty_function(Check const&) noexcept {
  return false;
}
template <class Signature>
bool is_empty_function(std::function<Signature> const& check) noexcept {
  return !check;
}
template <class Result, class... Parameters>
bool is_empty_function(Result (*check)(Parameters...)) noexcept {
  return check == nullptr;
}

}  // namespace detail

/// Called with a request: a function that returns something convertible to `std::optional<response>`, where a
/// response refuses; one that returns a response_or<T>; or a coroutine, an asio::awaitable of either.
template <class Check>
concept checks_request = std::invocable<Check&, request const&> && detail::result_of_check<Check>::is_one;

/// A check of any of these forms; none if it is empty. Copies share one check, so that several routes can.
class route_check {
 public:
  route_check() noexcept = default;

  template <class Check>
  requires(!std::same_as<std::remove_cvref_t<Check>, route_check> && checks_request<std::decay_t<Check>>)
      route_check(Check&& check) {
    if (detail::is_empty_function(check)) return;
    check_ = std::make_shared<detail::stored_check<std::decay_t<Check>>>(
        std::decay_t<Check>(std::forward<Check>(check)));
  }

  explicit operator bool() const noexcept { return check_ != nullptr; }

  /// True if it finds a T. Any check does if T is void.
  template <class T>
  bool finds() const noexcept {
    if constexpr (std::is_void_v<T>) {
      return true;
    } else {
      return check_ && check_->finds() == detail::mark_of<T>();
    }
  }

  /// For servers.
  detail::any_check* get() const noexcept { return check_.get(); }

 private:
  std::shared_ptr<detail::any_check> check_;
};

}  // namespace kindwire::net
