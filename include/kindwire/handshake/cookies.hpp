// The cookies that servers set in their answers to a handshake, for the requests that follow: RFC 6265.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "authority.hpp"
#include "grammar.hpp"
#include "headers.hpp"
#include "retry_after.hpp"
#include "uri.hpp"

namespace kindwire {

/// Keeps cookies and offers each to the origin that has set it, and to no other: a cookie with another Domain
/// is ignored, a wider one is kept for its own host. Path, Max-Age and Expires are honoured; a cookie without
/// either of the last lasts as long as the jar. At most 64 cookies of at most 4096 bytes each are kept; the
/// oldest make room.
///
/// Thread safe. Its functions may throw std::bad_alloc, and then change nothing that was complete.
class cookie_jar {
 public:
  /// Takes the Set-Cookie fields of an answer to a request for `from`.
  void store(uri const& from, header_list const& answer) {
    for (auto const& [name, value] : answer) {
      if (detail::equal_ignoring_case(name, "Set-Cookie")) store_one(from, value);
    }
  }

  /// What is for a request to `to`, as in `a=b; c=d`. Those named in `own`, a Cookie field, are left out.
  std::string offer(uri const& to, std::string_view own = {}) const {
    std::string_view const path = path_of(to);
    std::string result;
    std::lock_guard const lock(mutex_);
    for (cookie const& each : cookies_) {
      if (each.over <= std::chrono::system_clock::now()) continue;
      if (!same_origin(each.from, to) || !path_matches(path, each.path) || names(own, each.name)) continue;
      if (!result.empty()) result += "; ";
      result.append(each.name).append("=").append(each.value);
    }
    return result;
  }

  void clear() noexcept {
    std::lock_guard const lock(mutex_);
    cookies_.clear();
  }

 private:
  struct cookie {
    uri from;
    std::string name;
    std::string value;
    std::string path;
    std::chrono::system_clock::time_point over;
  };

  static constexpr std::size_t most_cookies = 64;
  static constexpr std::size_t largest_cookie = 4096;

  static std::string_view path_of(uri const& of) noexcept {
    return std::string_view{of.target}.substr(0, of.target.find('?'));
  }

  // RFC 6265 §5.1.4.
  static bool path_matches(std::string_view path, std::string_view of) noexcept {
    if (!path.starts_with(of)) return false;
    return path.size() == of.size() || of.ends_with('/') || path[of.size()] == '/';
  }
  static std::string_view default_path(std::string_view path) noexcept {
    std::size_t const slash = path.rfind('/');
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
  }

  static bool names(std::string_view field, std::string_view name) noexcept {
    while (!field.empty()) {
      std::size_t const end = (std::min)(field.find(';'), field.size());
      std::string_view const pair = field.substr(0, end);
      if (detail::trim(pair.substr(0, pair.find('='))) == name) return true;
      field.remove_prefix((std::min)(end + 1, field.size()));
    }
    return false;
  }

  // RFC 6265 §5.1.3.
  static bool domain_matches(std::string_view host, std::string_view domain) noexcept {
    if (domain.starts_with('.')) domain.remove_prefix(1);
    if (detail::equal_ignoring_case(host, domain)) return true;
    if (domain.empty() || host.size() <= domain.size() || detail::is_ipv4(host)) return false;
    std::size_t const rest = host.size() - domain.size();
    return host[rest - 1] == '.' && detail::equal_ignoring_case(host.substr(rest), domain);
  }

  // RFC 6265 §5.2, §5.3.
  void store_one(uri const& from, std::string_view text) {
    if (text.size() > largest_cookie) return;
    std::size_t const end = (std::min)(text.find(';'), text.size());
    std::string_view const pair = text.substr(0, end);
    std::size_t const equals = pair.find('=');
    if (equals == std::string_view::npos) return;
    std::string_view const name = detail::trim(pair.substr(0, equals));
    if (name.empty()) return;
    std::string_view path = default_path(path_of(from));
    auto const now = std::chrono::system_clock::now();
    std::optional<std::chrono::system_clock::time_point> expires, ages;
    text.remove_prefix(end);
    while (!text.empty()) {
      text.remove_prefix(1);
      std::size_t const next = (std::min)(text.find(';'), text.size());
      std::string_view const attribute = text.substr(0, next);
      text.remove_prefix(next);
      std::size_t const sign = (std::min)(attribute.find('='), attribute.size());
      std::string_view const key = detail::trim(attribute.substr(0, sign));
      std::string_view const value = detail::trim(attribute.substr((std::min)(sign + 1, attribute.size())));
      if (detail::equal_ignoring_case(key, "Path") && value.starts_with('/')) path = value;
      if (detail::equal_ignoring_case(key, "Secure") && !from.secure) return;
      if (detail::equal_ignoring_case(key, "Domain") && !value.empty() && !domain_matches(from.host, value))
        return;
      if (detail::equal_ignoring_case(key, "Max-Age")) {
        if (auto const age = max_age(value)) ages = now + *age;
      }
      if (detail::equal_ignoring_case(key, "Expires")) {
        if (auto const date = date_of(value)) expires = *date;
      }
    }
    // §5.3: Max-Age counts, where there are both.
    auto const over = ages ? *ages : expires.value_or((std::chrono::system_clock::time_point::max)());
    cookie fresh{from, std::string(name), std::string(detail::trim(pair.substr(equals + 1))),
                 std::string(path), over};
    fresh.from.credentials.clear();
    put(std::move(fresh), over <= now);
  }

  // §5.1.1, by which a year of two digits is one from 1970 on. Many servers still write hyphens in the date,
  // as Netscape did.
  static std::optional<std::chrono::system_clock::time_point> date_of(std::string_view text) {
    using namespace std::chrono;
    // Up to fifty years later, a year is one that is to come.
    constexpr sys_seconds today = sys_days(year(2019) / December / 31);
    auto date = detail::parse_http_date(text, today);
    if (!date) {
      std::string spaced(text);
      std::replace(spaced.begin(), spaced.end(), '-', ' ');
      date = detail::parse_http_date(spaced, today);
    }
    if (!date) return std::nullopt;
    // The clock of the system ends before the year 9999, which is for ever.
    constexpr auto last = (system_clock::time_point::max)();
    return *date < floor<seconds>(last) ? system_clock::time_point(*date) : last;
  }

  // §5.2.2. At most as long as RFC 6265bis §5.5 lets a cookie last; nothing if it is no number.
  static std::optional<std::chrono::seconds> max_age(std::string_view text) noexcept {
    constexpr std::chrono::seconds longest = std::chrono::hours(24 * 400);
    bool const negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    if (negative) return std::chrono::seconds(0);
    std::uint32_t number = 0;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{}) return longest;
    return (std::min)(std::chrono::seconds(number), longest);
  }

  void put(cookie fresh, bool expired) {
    std::lock_guard const lock(mutex_);
    cookies_.reserve(most_cookies + 1);
    auto const same = [&](cookie const& each) {
      return each.name == fresh.name && each.path == fresh.path && same_origin(each.from, fresh.from);
    };
    cookies_.erase(std::remove_if(cookies_.begin(), cookies_.end(), same), cookies_.end());
    if (expired) return;
    if (cookies_.size() == most_cookies) cookies_.erase(cookies_.begin());
    cookies_.push_back(std::move(fresh));
  }

  mutable std::mutex mutex_;
  std::vector<cookie> cookies_;
};

}  // namespace kindwire
