// Where the lines of a log go, from several threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "../../frame/escaped.hpp"

namespace kindwire::net {

/// What a line can be written to: std::ostream, as <iosfwd> is enough for most who name one.
template <class Stream>
concept line_stream = requires(Stream& to, char const* text) {
  to.write(text, std::ptrdiff_t{}).flush();
  to.clear();
  static_cast<bool>(to);
};

namespace detail {

// Writes a line; false if that failed.
using line_writer = std::function<bool(std::string_view)>;

class line_sink {
 public:
  explicit line_sink(line_writer write) : write_(std::move(write)) {}

  // `make(std::string&)` appends the line. One that cannot be made or written is counted: an observer has
  // nobody to tell.
  template <class Make>
  void put(Make make) noexcept {
    try {
      std::string line;
      make(line);
      std::lock_guard const lock(mutex_);
      if (write_(line)) return;
    } catch (...) {
      // As if it had said so.
    }
    lost_.fetch_add(1, std::memory_order_relaxed);
  }

  std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

 private:
  std::mutex mutex_;
  line_writer write_;
  std::atomic<std::uint64_t> lost_{0};
};

// A line at a time, so that it is there if the program crashes next. One that fails must not end the log.
template <line_stream Stream>
line_writer lines_to(Stream& to) {
  return [&to](std::string_view line) {
    std::string const whole = std::string(line) + '\n';
    bool written = false;
    try {
      written = static_cast<bool>(to.write(whole.data(), static_cast<std::ptrdiff_t>(whole.size())).flush());
    } catch (...) {
      // Of a stream whose exceptions() are on.
    }
    if (!written) to.clear();
    return written;
  };
}
inline line_writer lines_to(std::function<void(std::string_view)> call) {
  return [call = std::move(call)](std::string_view line) {
    call(line);
    return true;
  };
}

// In UTC, as RFC 3339 has it: `2026-11-29T21:05:58.123Z`.
inline void append_time(std::string& out, std::chrono::system_clock::time_point at) {
  using namespace std::chrono;
  auto const day = floor<days>(at);
  year_month_day const date(day);
  hh_mm_ss const time(floor<milliseconds>(at - day));
  auto const number = [&](auto value, std::size_t digits) {
    std::string const text = std::to_string(value);
    out.append(digits > text.size() ? digits - text.size() : 0, '0').append(text);
  };
  number(static_cast<int>(date.year()), 4);
  out += '-';
  number(static_cast<unsigned>(date.month()), 2);
  out += '-';
  number(static_cast<unsigned>(date.day()), 2);
  out += 'T';
  number(time.hours().count(), 2);
  out += ':';
  number(time.minutes().count(), 2);
  out += ':';
  number(time.seconds().count(), 2);
  out += '.';
  number(time.subseconds().count(), 3);
  out += 'Z';
}

// A peer's text in quotation marks, of which at most `most` bytes are shown.
inline void append_bounded(std::string& out, std::string_view text, std::size_t most) {
  out += '"';
  kindwire::detail::append_escaped(out, text.substr(0, most));
  out += text.size() > most ? "\"..." : "\"";
}

// Without the query, which may hold tokens.
inline void append_path(std::string& out, std::string_view target) {
  append_bounded(out, target.substr(0, target.find('?')), 200);
}

}  // namespace detail

}  // namespace kindwire::net
