// How a websocket's handler is called: with a websocket, and with what the check of its route has found.
#pragma once

#include <asio/awaitable.hpp>
#include <type_traits>
#include <utility>

namespace kindwire::net {

class websocket;

namespace detail {

template <class... All>
struct parameter_list {};
template <class Result, class... All>
parameter_list<All...> parameters_of(Result (*)(All...));
template <class Result, class Object, class... All>
parameter_list<All...> parameters_of(Result (Object::*)(All...));
template <class Result, class Object, class... All>
parameter_list<All...> parameters_of(Result (Object::*)(All...) const);

template <class List>
struct second_of {
  using type = void;
};
template <class First, class Second>
struct second_of<parameter_list<First, Second>> {
  using type = Second;
};

// The type of the second of two parameters; void for a handler that takes the websocket alone, and for one
// whose parameters cannot be known, such as a generic lambda.
template <class Handler>
constexpr auto find_second() {
  if constexpr (std::is_invocable_v<Handler&, websocket&>) {
    return std::type_identity<void>{};
  } else if constexpr (requires { parameters_of(&Handler::operator()); }) {
    return std::type_identity<typename second_of<decltype(parameters_of(&Handler::operator()))>::type>{};
  } else if constexpr (requires(Handler handler) { parameters_of(handler); }) {
    return std::type_identity<typename second_of<decltype(parameters_of(std::declval<Handler>()))>::type>{};
  } else {
    return std::type_identity<void>{};
  }
}
template <class Handler>
using second_parameter = typename decltype(find_second<Handler>())::type;

// What a check must find for it, void for nothing.
template <class Handler>
using wanted_by = std::remove_cvref_t<second_parameter<Handler>>;

template <class Handler, class Result, class First>
constexpr bool is_called_with() {
  using second = second_parameter<Handler>;
  if constexpr (std::is_void_v<second>) {
    return std::is_invocable_r_v<Result, Handler&, First>;
  } else {
    return std::is_invocable_r_v<Result, Handler&, First, second>;
  }
}

// A coroutine that takes the websocket by reference; one that owns it; a function that owns it.
template <class Handler>
inline constexpr bool is_borrowing_coroutine = is_called_with<Handler, asio::awaitable<void>, websocket&>();
template <class Handler>
inline constexpr bool is_owning_coroutine = is_called_with<Handler, asio::awaitable<void>, websocket>();
template <class Handler>
inline constexpr bool is_owning_function = is_called_with<Handler, void, websocket>();

// `found` is a wanted_by<Handler>. A parameter that is no lvalue reference takes it away.
template <class Handler, class First>
decltype(auto) call_handler(Handler& handler, First&& first, [[maybe_unused]] void* found) {
  using second = second_parameter<Handler>;
  if constexpr (std::is_void_v<second>) {
    return handler(std::forward<First>(first));
  } else {
    return handler(std::forward<First>(first),
                   static_cast<second&&>(*static_cast<wanted_by<Handler>*>(found)));
  }
}

}  // namespace detail

}  // namespace kindwire::net
