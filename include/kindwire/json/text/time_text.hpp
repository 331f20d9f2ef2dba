// Points in time as in RFC 3339: 2026-11-29T07:10:00.5Z.
#pragma once

#include "../../requirements.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ratio>
#include <string>
#include <string_view>
#include <type_traits>

#include "../description/duration.hpp"

namespace kindwire::detail {

/// Seconds since 1970, and nanoseconds of the one that has begun.
struct split_time {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
};

// The years of four digits.
inline constexpr std::int64_t first_second = -62'167'219'200;  // 0000-01-01T00:00:00Z
inline constexpr std::int64_t last_second = 253'402'300'799;   // 9999-12-31T23:59:59Z

inline constexpr std::int64_t a_day = 86'400;  // in seconds

enum class time_text_error { none, malformed, inexact };

/// RFC 3339 §5.6. A leap second, which no clock of the standard library has, is malformed; fractions of a
/// nanosecond are inexact.
constexpr time_text_error read_time(std::string_view text, split_time& time) noexcept {
  auto const digits = [&](std::size_t at, std::size_t count, unsigned& value) {
    value = 0;
    if (text.size() < at + count) return false;
    for (char const letter : text.substr(at, count)) {
      if (letter < '0' || letter > '9') return false;
      value = value * 10 + static_cast<unsigned>(letter - '0');
    }
    return true;
  };
  auto const is = [&](std::size_t at, char letter, char other) {
    return at < text.size() && (text[at] == letter || text[at] == other);
  };
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  bool good = digits(0, 4, year) && is(4, '-', '-') && digits(5, 2, month) && is(7, '-', '-') &&
              digits(8, 2, day) && is(10, 'T', 't') && digits(11, 2, hour) && is(13, ':', ':') &&
              digits(14, 2, minute) && is(16, ':', ':') && digits(17, 2, second);
  std::chrono::year_month_day const date{std::chrono::year{static_cast<int>(year)}, std::chrono::month{month},
                                         std::chrono::day{day}};
  good = good && date.ok() && hour < 24 && minute < 60 && second < 60;
  if (!good) return time_text_error::malformed;
  std::size_t at = 19;
  bool exact = true;
  time.nanoseconds = 0;
  if (is(at, '.', '.')) {
    std::size_t const first = ++at;
    std::uint32_t place = 100'000'000;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, place /= 10) {
      auto const digit = static_cast<std::uint32_t>(text[at] - '0');
      time.nanoseconds += digit * place;
      exact = exact && (place != 0 || digit == 0);
    }
    if (at == first) return time_text_error::malformed;
  }
  std::int64_t offset = 0;
  if (is(at, 'Z', 'z')) {
    ++at;
  } else {
    unsigned hours = 0, minutes = 0;
    if (!is(at, '+', '-') || !digits(at + 1, 2, hours) || !is(at + 3, ':', ':') ||
        !digits(at + 4, 2, minutes) || hours > 23 || minutes > 59)
      return time_text_error::malformed;
    offset = (hours * 60 + minutes) * 60;
    if (text[at] == '-') offset = -offset;
    at += 6;
  }
  if (at != text.size()) return time_text_error::malformed;
  std::int64_t const days = std::chrono::sys_days{date}.time_since_epoch().count();
  time.seconds = days * a_day + ((hour * 60 + minute) * 60 + second) - offset;
  return exact ? time_text_error::none : time_text_error::inexact;
}

/// Writes the text, at most 30 characters; the year has four digits. Returns the end.
constexpr char* write_time(char* to, split_time time) noexcept {
  auto const put = [&to](unsigned value, int count) {
    for (int at = count; at-- != 0; value /= 10) to[at] = static_cast<char>('0' + value % 10);
    to += count;
  };
  std::int64_t const second_of_day = (time.seconds % a_day + a_day) % a_day;
  auto const second = static_cast<unsigned>(second_of_day);
  std::chrono::days const day{(time.seconds - second_of_day) / a_day};
  std::chrono::year_month_day const date{std::chrono::sys_days{day}};
  put(static_cast<unsigned>(static_cast<int>(date.year())), 4);
  *to++ = '-';
  put(static_cast<unsigned>(date.month()), 2);
  *to++ = '-';
  put(static_cast<unsigned>(date.day()), 2);
  *to++ = 'T';
  put(second / 3600, 2);
  *to++ = ':';
  put(second / 60 % 60, 2);
  *to++ = ':';
  put(second % 60, 2);
  if (time.nanoseconds != 0) {
    *to++ = '.';
    put(time.nanoseconds, 9);
    while (to[-1] == '0') --to;
  }
  *to++ = 'Z';
  return to;
}

// How many counts make a second; 0 where one count is whole seconds.
template <class Duration>
constexpr std::int64_t counts_a_second() noexcept {
  using period = typename Duration::period;
  constexpr bool coarse = period::den == 1;
  static_assert(json_integer<typename Duration::rep> &&
                    (coarse || (period::num == 1 && std::nano::den % period::den == 0)),
                "kindwire: a time point as text counts in integers, of seconds or of a part of one down to "
                "nanoseconds; another travels with a unit<>");
  return coarse ? 0 : period::den;
}

/// False if the seconds do not fit, or the year does not have four digits.
template <class Duration>
conversion split(Duration since_1970, split_time& time) noexcept {
  constexpr std::int64_t scale = counts_a_second<Duration>();
  if constexpr (scale == 0) {
    std::chrono::duration<std::int64_t> seconds{};
    if (auto const failed = convert_duration(since_1970, seconds); failed != conversion::exact) return failed;
    time = {seconds.count(), 0};
  } else {
    auto const count = static_cast<std::int64_t>(since_1970.count());
    std::int64_t const rest = (count % scale + scale) % scale;
    time = {count / scale - (count % scale < 0 ? 1 : 0),
            static_cast<std::uint32_t>(rest * (std::nano::den / scale))};
  }
  return time.seconds >= first_second && time.seconds <= last_second ? conversion::exact
                                                                     : conversion::out_of_range;
}

template <class Duration>
conversion join(split_time time, Duration& since_1970) noexcept {
  constexpr std::int64_t scale = counts_a_second<Duration>();
  std::chrono::duration<std::int64_t> const seconds{time.seconds};
  if constexpr (scale == 0) {
    return time.nanoseconds != 0 ? conversion::lossy : convert_duration(seconds, since_1970);
  } else {
    constexpr std::int64_t nanoseconds = std::nano::den / scale;
    if (time.nanoseconds % nanoseconds != 0) return conversion::lossy;
    std::int64_t const part = time.nanoseconds / nanoseconds;
    // The second that has begun may not fit, although the time does.
    bool const before = time.seconds < 0 && part != 0;
    std::chrono::duration<std::int64_t, typename Duration::period> whole{};
    if (convert_duration(std::chrono::duration<std::int64_t>{time.seconds + (before ? 1 : 0)}, whole) !=
        conversion::exact)
      return conversion::out_of_range;
    std::int64_t const add = before ? part - scale : part;
    constexpr std::int64_t most = (std::numeric_limits<std::int64_t>::max)();
    constexpr std::int64_t least = (std::numeric_limits<std::int64_t>::min)();
    if (add > 0 ? whole.count() > most - add : whole.count() < least - add) return conversion::out_of_range;
    return convert_duration(decltype(whole){whole.count() + add}, since_1970);
  }
}

}  // namespace kindwire::detail
