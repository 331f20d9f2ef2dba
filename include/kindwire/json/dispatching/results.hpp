// What happens to the results of handlers.
#pragma once

#include <type_traits>
#include <utility>

#include "../outcome.hpp"

namespace kindwire::detail {

// Returns it unchanged.
struct as_returned {
  void operator()() const noexcept {}
  template <class T>
  T operator()(T value) const {
    return value;
  }
};

// What `then` makes of a result; it is called without an argument if that is void.
template <class Then, class Result>
struct result_of {
  using type = std::invoke_result_t<Then&, Result>;
};
template <class Then>
struct result_of<Then, void> {
  using type = std::invoke_result_t<Then&>;
};

template <class Then, class Result>
auto hand_over(Then& then, outcome<Result> done) {
  using result = typename result_of<Then, Result>::type;
  if (!done) return outcome<result>{done.error()};
  if constexpr (std::is_void_v<Result> && std::is_void_v<result>) {
    then();
    return outcome<void>{};
  } else if constexpr (std::is_void_v<Result>) {
    return outcome<result>{then()};
  } else if constexpr (std::is_void_v<result>) {
    then(*std::move(done));
    return outcome<void>{};
  } else {
    return outcome<result>{then(*std::move(done))};
  }
}

}  // namespace kindwire::detail
