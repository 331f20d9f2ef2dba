// What a connection that comes back reports, beside the errors of each connection.
#pragma once

#include <string>
#include <system_error>

namespace kindwire::net {

/// Errors of reconnecting_websocket's own.
enum class reconnect_error {
  away = 1,          ///< not sent: there is no connection now, and away_policy::refuse
  gave_up,           ///< no connection lasted within reconnect_options::give_up_after
  closed_by_server,  ///< the server closed with a code that reconnect_options::is_final_close takes for final
  hook_failed,       ///< a hook threw what does not count as a failed try: see reconnect_options
};

namespace detail {

constexpr char const* describe(reconnect_error value) noexcept {
  switch (value) {
    case reconnect_error::away: return "not connected at the moment";
    case reconnect_error::gave_up: return "gave up connecting again";
    case reconnect_error::closed_by_server: return "closed by the server for good";
    case reconnect_error::hook_failed: return "a hook of the connection failed";
  }
  return "unknown error of a connection that comes back";
}

class reconnect_category_type final : public std::error_category {
 public:
  char const* name() const noexcept override { return "kindwire.reconnect"; }
  std::string message(int value) const override { return describe(static_cast<reconnect_error>(value)); }
};

}  // namespace detail

/// The category of every reconnect_error. Thread safe.
inline std::error_category const& reconnect_category() noexcept {
  static detail::reconnect_category_type const category;
  return category;
}

/// Found by std::error_code's constructor, so that a reconnect_error converts to one.
inline std::error_code make_error_code(reconnect_error value) noexcept {
  return {static_cast<int>(value), reconnect_category()};
}

}  // namespace kindwire::net

template <>
struct std::is_error_code_enum<kindwire::net::reconnect_error> : std::true_type {};
