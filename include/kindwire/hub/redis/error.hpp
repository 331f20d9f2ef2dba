// Why there is no connection with Redis.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace kindwire {

/// What redis_backplane reports, beside the errors of the stream, std::errc::timed_out and
/// std::errc::not_enough_memory.
enum class redis_error {
  invalid_url = 1,  ///< not one of the forms of redis_backplane
  no_tls,           ///< a rediss: URL without redis_options::tls
  protocol,         ///< an answer that is not RESP, or of another shape than its command has
  reply_too_large,  ///< an answer of more than redis_options::max_reply bytes
  not_authorized,   ///< the password is missing or wrong, or the user may not do what is needed
  loading,          ///< Redis has started and still reads its data
  busy,             ///< Redis carries out somebody's script that does not end
  read_only,        ///< a replica, or one that cannot save its data
  out_of_memory,    ///< Redis is at its maxmemory
  cluster,          ///< Redis Cluster, which is not supported
  two_servers,      ///< the URL has led to two servers at once, as while a name or an address moves
  no_master,        ///< no Sentinel knows a master of that name
  data_lost,  ///< this node's keys or scripts are gone: Redis was emptied, or the node was away too long
  refused,    ///< any other error that Redis answered with
};

namespace detail {

constexpr char const* describe(redis_error value) noexcept {
  switch (value) {
    case redis_error::invalid_url: return "not a URL of Redis";
    case redis_error::no_tls: return "a rediss URL without redis_options::tls";
    case redis_error::protocol: return "unexpected answer from Redis";
    case redis_error::reply_too_large: return "answer from Redis larger than the limit";
    case redis_error::not_authorized: return "not authorized by Redis";
    case redis_error::loading: return "Redis is loading its data";
    case redis_error::busy: return "Redis is busy with a script";
    case redis_error::read_only: return "Redis takes no writes";
    case redis_error::out_of_memory: return "Redis is out of memory";
    case redis_error::cluster: return "Redis Cluster is not supported";
    case redis_error::two_servers: return "the URL leads to two servers of Redis";
    case redis_error::no_master: return "no Sentinel knows the master";
    case redis_error::data_lost: return "Redis has lost the keys or scripts of this node";
    case redis_error::refused: return "Redis refused a command";
  }
  return "unknown error of Redis";
}

class redis_category_type final : public std::error_category {
 public:
  char const* name() const noexcept override { return "kindwire.redis"; }
  std::string message(int value) const override { return describe(static_cast<redis_error>(value)); }
};

}  // namespace detail

/// The category of every kindwire::redis_error. Thread safe.
inline std::error_category const& redis_category() noexcept {
  static detail::redis_category_type const category;
  return category;
}

/// Found by std::error_code's constructor, so that a redis_error converts to one.
inline std::error_code make_error_code(redis_error value) noexcept {
  return {static_cast<int>(value), redis_category()};
}

namespace detail {

// By the first word of an error that Redis answered with. The rest may quote a password, and is not kept.
inline redis_error redis_error_of(std::string_view text) noexcept {
  std::string_view const word = text.substr(0, text.find(' '));
  auto const is_one_of = [word](auto... each) { return ((word == each) || ...); };
  if (is_one_of("NOAUTH", "WRONGPASS", "NOPERM", "DENIED")) return redis_error::not_authorized;
  // Before Redis 6, and where none is set.
  if (text.starts_with("ERR invalid password") || text.starts_with("ERR AUTH ") ||
      text.starts_with("ERR Client sent AUTH"))
    return redis_error::not_authorized;
  // What a script may not do, in Redis 7.0 and later.
  if (text.starts_with("ERR The user executing the script can't") || text.starts_with("ERR ACL failure"))
    return redis_error::not_authorized;
  if (word == "LOADING") return redis_error::loading;
  if (word == "BUSY") return redis_error::busy;
  if (is_one_of("READONLY", "MASTERDOWN", "MISCONF", "NOREPLICAS")) return redis_error::read_only;
  if (word == "NOSCRIPT") return redis_error::data_lost;  // somebody has flushed them: they are loaded anew
  if (word == "OOM") return redis_error::out_of_memory;
  if (is_one_of("MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN", "TRYAGAIN")) return redis_error::cluster;
  return redis_error::refused;
}

}  // namespace detail

}  // namespace kindwire

template <>
struct std::is_error_code_enum<kindwire::redis_error> : std::true_type {};

namespace kindwire::detail {

// True for what does not change by itself: it is asked for rarely.
inline bool is_lasting(std::error_code why) noexcept {
  return why == redis_error::not_authorized || why == redis_error::cluster || why == redis_error::no_tls ||
         why == redis_error::refused;
}

}  // namespace kindwire::detail
