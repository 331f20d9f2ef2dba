// The body of a response that refused the upgrade: where it ends, and what is kept of it. RFC 9112 §6, §7.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "grammar.hpp"
#include "headers.hpp"

namespace kindwire::detail {

// The body only explains a refusal, on a connection about to be closed: anything wrong with it ends it, with
// what has arrived by then, and nothing in it is an error.
class body_reader {
 public:
  body_reader() = default;

  // At most `limit` bytes are kept; the first one over it ends the body.
  body_reader(unsigned status, headers const& fields, std::size_t limit) : limit_(limit) {
    std::optional<std::string_view> const length = fields.only("Content-Length");
    if (status == 204 || status == 304) {
      state_ = state::done;
    } else if (fields.count("Transfer-Encoding") != 0) {
      // RFC 9112 §6.3: it overrides Content-Length, and only the very last coding says where the body ends.
      state_ = fields.has_token("Transfer-Encoding", "chunked") ? state::chunk_size : state::until_end;
    } else if (length) {
      state_ = read_number(*length, 10) ? state::counted : state::done;
      if (left_ == 0) state_ = state::done;
    } else {
      state_ = fields.count("Content-Length") == 0 ? state::until_end : state::done;
    }
  }

  void put(std::string_view bytes) {
    while (!bytes.empty()) {
      switch (state_) {
        case state::until_end: keep(bytes, bytes.size()); break;
        case state::counted: take_counted(bytes, state::done); break;
        case state::chunk_data: take_counted(bytes, state::chunk_end); break;
        case state::chunk_end: take_chunk_end(bytes); break;
        case state::chunk_size: take_chunk_size(bytes); break;
        case state::done: return;
      }
    }
  }

  bool done() const noexcept { return state_ == state::done; }
  std::string take() noexcept { return std::move(body_); }

 private:
  enum class state : std::uint8_t { until_end, counted, chunk_size, chunk_data, chunk_end, done };

  bool read_number(std::string_view text, int base) noexcept {
    char const* const end = text.data() + text.size();
    auto const [stopped, failure] = std::from_chars(text.data(), end, left_, base);
    return failure == std::errc{} && stopped == end;
  }

  void keep(std::string_view& bytes, std::size_t size) {
    std::size_t const room = limit_ - body_.size();
    body_ += bytes.substr(0, (std::min)(size, room));
    bytes.remove_prefix(size);
    if (size > room) state_ = state::done;
  }

  void take_counted(std::string_view& bytes, state next) {
    auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    left_ -= size;
    keep(bytes, size);
    if (left_ == 0 && state_ != state::done) state_ = next;
  }

  // The CRLF after a chunk.
  void take_chunk_end(std::string_view& bytes) noexcept {
    char const c = bytes.front();
    bytes.remove_prefix(1);
    if (c == '\n') {
      state_ = state::chunk_size;
    } else if (c != '\r') {
      state_ = state::done;
    }
  }

  // chunk-size [ chunk-ext ] CRLF; the last chunk has size 0, and trailers after it are ignored.
  void take_chunk_size(std::string_view& bytes) {
    char const c = bytes.front();
    bytes.remove_prefix(1);
    if (c != '\n') {
      line_ += c;
      if (line_.size() > longest_line) state_ = state::done;
      return;
    }
    std::string_view const size = std::string_view{line_}.substr(0, line_.find_first_of("; \t\r"));
    state_ = read_number(size, 16) && left_ != 0 ? state::chunk_data : state::done;
    line_.clear();
  }

  static constexpr std::size_t longest_line = 256;

  std::string body_;
  std::string line_;
  std::size_t limit_ = 0;
  std::uint64_t left_ = 0;
  state state_ = state::done;
};

}  // namespace kindwire::detail
