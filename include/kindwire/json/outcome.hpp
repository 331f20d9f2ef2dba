// A value, or the json_error that says why there is none: std::expected for C++20.
#pragma once

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "error.hpp"

namespace kindwire {

/// The result of decoding, encoding and dispatching. True when there is a value.
///
/// value(), `*` and `->` may only be used when it is true, error() only when it is false; nothing throws.
/// T may be move-only (a coroutine's awaitable), not a reference.
template <class T>
class [[nodiscard]] outcome {
 public:
  outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  outcome(json_error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }

  T& value() & { return *held(std::get_if<0>(&state_)); }
  T const& value() const& { return *held(std::get_if<0>(&state_)); }
  T&& value() && { return std::move(*held(std::get_if<0>(&state_))); }

  T& operator*() & { return value(); }
  T const& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  T const* operator->() const { return &value(); }

  json_error const& error() const { return *held(std::get_if<1>(&state_)); }

 private:
  template <class Pointer>
  static Pointer held(Pointer pointer) {
    assert(pointer != nullptr);
    return pointer;
  }

  std::variant<T, json_error> state_;
};

/// Success without a value, or the error.
template <>
class [[nodiscard]] outcome<void> {
 public:
  // Not defaulted: `return {}` would fill the room of the error with zeros.
  outcome() noexcept {}
  outcome(json_error error) : error_(std::move(error)) {}

  explicit operator bool() const noexcept { return !error_.has_value(); }

  json_error const& error() const {
    assert(error_.has_value());
    return *error_;
  }

 private:
  std::optional<json_error> error_;
};

}  // namespace kindwire
