// Retry-After: when a server that refuses wants to be asked again, RFC 9110 §10.2.3.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

#include "grammar.hpp"
#include "headers.hpp"

namespace kindwire {

namespace detail {

// Reads a text from its front; anything unexpected makes all of it invalid.
class date_reader {
 public:
  explicit date_reader(std::string_view text) noexcept : text_(text) {}

  bool done() const noexcept { return valid_ && text_.empty(); }

  void expect(std::string_view word) noexcept {
    valid_ = valid_ && text_.starts_with(word);
    if (valid_) text_.remove_prefix(word.size());
  }
  int digits(std::size_t count) noexcept {
    int value = 0;
    valid_ = valid_ && text_.size() >= count;
    for (std::size_t i = 0; valid_ && i != count; ++i) {
      valid_ = is_digit(text_[i]);
      value = value * 10 + (text_[i] - '0');
    }
    if (valid_) text_.remove_prefix(count);
    return value;
  }
  // Of asctime, which pads with a space.
  int padded_day() noexcept {
    bool const padded = text_.starts_with(' ');
    if (padded) text_.remove_prefix(1);
    return digits(padded ? 1 : 2);
  }
  // Its place in the list, from 0.
  template <std::size_t Size>
  unsigned one_of(std::array<std::string_view, Size> const& words) noexcept {
    for (unsigned i = 0; valid_ && i != Size; ++i) {
      if (!text_.starts_with(words[i])) continue;
      text_.remove_prefix(words[i].size());
      return i;
    }
    valid_ = false;
    return 0;
  }
  std::chrono::seconds time_of_day() noexcept {
    int const hour = digits(2);
    expect(":");
    int const minute = digits(2);
    expect(":");
    int const second = digits(2);
    valid_ = valid_ && hour < 24 && minute < 60 && second <= 60;  // a leap second
    return std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  }

 private:
  std::string_view text_;
  bool valid_ = true;
};

inline constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
inline constexpr std::array<std::string_view, 7> day_names{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
inline constexpr std::array<std::string_view, 7> long_day_names{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                                "Friday", "Saturday", "Sunday"};

inline std::optional<std::chrono::sys_seconds> date_of(bool whole, int year, unsigned month, int day,
                                                       std::chrono::seconds time) noexcept {
  std::chrono::year_month_day const date{std::chrono::year(year), std::chrono::month(month + 1),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!whole || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + time;
}

// HTTP-date in its three forms (RFC 9110 §5.6.7); the day's name is not checked against the date. A year of
// two digits more than 50 years ahead of `now` is of the century before.
inline std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text,
                                                               std::chrono::sys_seconds now) noexcept {
  {
    date_reader read(text);  // Sun, 06 Nov 1994 08:49:37 GMT
    read.one_of(day_names);
    read.expect(", ");
    int const day = read.digits(2);
    read.expect(" ");
    unsigned const month = read.one_of(month_names);
    read.expect(" ");
    int const year = read.digits(4);
    read.expect(" ");
    auto const time = read.time_of_day();
    read.expect(" GMT");
    if (auto const found = date_of(read.done(), year, month, day, time)) return found;
  }
  {
    date_reader read(text);  // Sunday, 06-Nov-94 08:49:37 GMT
    read.one_of(long_day_names);
    read.expect(", ");
    int const day = read.digits(2);
    read.expect("-");
    unsigned const month = read.one_of(month_names);
    read.expect("-");
    int year = read.digits(2);
    read.expect(" ");
    auto const time = read.time_of_day();
    read.expect(" GMT");
    std::chrono::year_month_day const today(std::chrono::floor<std::chrono::days>(now));
    int const this_year = static_cast<int>(today.year());
    year += this_year - this_year % 100;
    if (year > this_year + 50) year -= 100;
    if (auto const found = date_of(read.done(), year, month, day, time)) return found;
  }
  date_reader read(text);  // Sun Nov  6 08:49:37 1994
  read.one_of(day_names);
  read.expect(" ");
  unsigned const month = read.one_of(month_names);
  read.expect(" ");
  int const day = read.padded_day();
  read.expect(" ");
  auto const time = read.time_of_day();
  read.expect(" ");
  int const year = read.digits(4);
  return date_of(read.done(), year, month, day, time);
}

// Seconds in digits. Anything longer than a year counts as a year.
inline std::optional<std::chrono::seconds> parse_delay_seconds(std::string_view text) noexcept {
  constexpr std::chrono::seconds year = std::chrono::hours(24 * 365);
  std::chrono::seconds value{0};
  for (char const each : text) {
    if (!is_digit(each)) return std::nullopt;
    value = (std::min)(value * 10 + std::chrono::seconds(each - '0'), year);
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

}  // namespace detail

/// How long to wait as the field Retry-After of an answer says: a number of seconds (a year at most), or a
/// date, which is compared with `now`; zero for a date that has passed. Nothing without the field, with two
/// of them, and for a value that is neither (RFC 9110 §10.2.3).
inline std::optional<std::chrono::seconds> retry_after(header_list const& fields,
                                                       std::chrono::system_clock::time_point now) noexcept {
  std::optional<std::string_view> value;
  for (auto const& [name, text] : fields) {
    if (!detail::equal_ignoring_case(name, "Retry-After")) continue;
    if (value) return std::nullopt;
    value = detail::trim(text);
  }
  if (!value) return std::nullopt;
  if (auto const seconds = detail::parse_delay_seconds(*value)) return seconds;
  auto const today = std::chrono::floor<std::chrono::seconds>(now);
  auto const date = detail::parse_http_date(*value, today);
  if (!date) return std::nullopt;
  return (std::max)(*date - today, std::chrono::seconds(0));
}

}  // namespace kindwire
