// What can go wrong between a question and its answer.
#pragma once

#include "../requirements.hpp"

#include <string>
#include <system_error>

namespace kindwire {

/// Why a request has no answer, besides the errors of its connection: kindwire::error::closed if that ended
/// with a close handshake, otherwise what broke it.
enum class exchange_errc {
  timed_out = 1,   ///< no answer in time
  refused,         ///< the other side answered with an error_message
  invalid_answer,  ///< an answer that could not be decoded
  unknown_id,      ///< an answer to nothing that was asked, if that ends the connection
};

namespace detail {

constexpr char const* describe(exchange_errc value) noexcept {
  switch (value) {
    case exchange_errc::timed_out: return "no answer in time";
    case exchange_errc::refused: return "the other side answered with an error";
    case exchange_errc::invalid_answer: return "an answer that cannot be decoded";
    case exchange_errc::unknown_id: return "an answer to nothing that was asked";
  }
  return "unknown error of an exchange";
}

class exchange_category_type final : public std::error_category {
 public:
  char const* name() const noexcept override { return "kindwire.exchange"; }
  std::string message(int value) const override { return describe(static_cast<exchange_errc>(value)); }
};

}  // namespace detail

/// The category of every kindwire::exchange_errc. Thread safe.
inline std::error_category const& exchange_category() noexcept {
  static detail::exchange_category_type const category;
  return category;
}

/// Found by std::error_code's constructor, so that a kindwire::exchange_errc converts to one.
inline std::error_code make_error_code(exchange_errc value) noexcept {
  return {static_cast<int>(value), exchange_category()};
}

}  // namespace kindwire

template <>
struct std::is_error_code_enum<kindwire::exchange_errc> : std::true_type {};
