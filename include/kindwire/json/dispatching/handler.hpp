// What a handler's signature tells: which message it takes, and how.
#pragma once

#include "../../requirements.hpp"

#include <type_traits>
#if defined(__cpp_impl_coroutine)
#include <coroutine>
#endif

namespace kindwire::detail {

// The parameters of a function, whatever its qualifiers.
template <class Function>
struct signature;

// Stands in for the message of a handler whose signature does not tell it.
struct no_message {};

struct no_signature {
  using first = no_message;
  using result = void;
  template <class Return>
  static constexpr bool is_coroutine = false;
};

template <class Result, class... Parameters>
struct parameters_of : no_signature {};

template <class Result, class First, class... Rest>
struct parameters_of<Result, First, Rest...> {
  using first = First;
  using result = Result;

#if defined(__cpp_impl_coroutine)
  template <class Return>
  static constexpr bool is_coroutine = requires {
    typename std::coroutine_traits<Return, First, Rest...>::promise_type;
  };
#else
  template <class Return>
  static constexpr bool is_coroutine = false;
#endif
};

template <class Result, class... Parameters>
struct signature<Result (*)(Parameters...)> : parameters_of<Result, Parameters...> {};
template <class Result, class... Parameters>
struct signature<Result (*)(Parameters...) noexcept> : parameters_of<Result, Parameters...> {};
template <class Owner, class Result, class... Parameters>
struct signature<Result (Owner::*)(Parameters...)> : parameters_of<Result, Parameters...> {};
template <class Owner, class Result, class... Parameters>
struct signature<Result (Owner::*)(Parameters...) const> : parameters_of<Result, Parameters...> {};
template <class Owner, class Result, class... Parameters>
struct signature<Result (Owner::*)(Parameters...) noexcept> : parameters_of<Result, Parameters...> {};
template <class Owner, class Result, class... Parameters>
struct signature<Result (Owner::*)(Parameters...) const noexcept> : parameters_of<Result, Parameters...> {};
template <class Owner, class Result, class... Parameters>
struct signature<Result (Owner::*)(Parameters...)&> : parameters_of<Result, Parameters...> {};
template <class Owner, class Result, class... Parameters>
struct signature<Result (Owner::*)(Parameters...) const&> : parameters_of<Result, Parameters...> {};

template <class Handler>
constexpr auto signature_of() {
  if constexpr (requires { typename Handler::wrapped_handler; }) {
    return signature_of<typename Handler::wrapped_handler>();
  } else if constexpr (requires { &Handler::operator(); }) {
    return std::type_identity<signature<decltype(&Handler::operator())>>{};
  } else if constexpr (std::is_pointer_v<Handler> && std::is_function_v<std::remove_pointer_t<Handler>>) {
    return std::type_identity<signature<Handler>>{};
  } else {
    return std::type_identity<no_signature>{};
  }
}

template <class Handler>
using signature_t = typename decltype(signature_of<Handler>())::type;

// Its parameters are known: it is neither a generic lambda nor overloaded.
template <class Handler>
concept has_signature = !std::is_same_v<signature_t<Handler>, no_signature>;

template <class Handler>
using first_parameter = typename signature_t<Handler>::first;

template <class Handler>
using message_of = std::remove_cvref_t<first_parameter<Handler>>;

template <class Handler>
concept has_message = !has_signature<Handler> || !std::is_same_v<message_of<Handler>, no_message>;

// By value, by const reference, by rvalue reference: the message is the dispatcher's own and is gone after
// the call.
template <class Handler>
concept takes_message_well = !std::is_lvalue_reference_v<first_parameter<Handler>> ||
                             std::is_const_v<std::remove_reference_t<first_parameter<Handler>>>;

// A coroutine is still running when the dispatcher's message is gone, so it needs its own.
template <class Handler, class Result>
concept would_dangle =
    std::is_reference_v<first_parameter<Handler>> && signature_t<Handler>::template is_coroutine<Result>;

}  // namespace kindwire::detail
