// One fault in each run of a scenario, at every point in turn: what may go wrong with an asynchronous
// operation, and what must be true of it whatever goes wrong.
#pragma once

#include <doctest/doctest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/system_error.hpp>
#include <cstddef>
#include <functional>
#include <kindwire/frame/decoder.hpp>
#include <kindwire/message/message.hpp>
#include <list>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

enum class fault {
  none,
  error,    ///< the k-th operation of the stream fails
  cancel,   ///< every operation that waits is cancelled, after the k-th turn of the context
  destroy,  ///< the object goes
  context,  ///< the context goes, with the object in the care of its handlers
};

inline char const* name_of(fault what) {
  constexpr char const* names[] = {"none", "error", "cancel", "destroy", "context"};
  return names[static_cast<int>(what)];
}

/// Counts what becomes of handlers: each is called once, or is destroyed without a call.
struct tally {
  int started = 0;
  int completed = 0;
  int dropped = 0;
};

/// Stands for one handler, wherever it is moved.
class counted {
 public:
  explicit counted(tally& all) : all_(&all) { ++all.started; }
  counted(counted&& other) noexcept : all_(std::exchange(other.all_, nullptr)) {}
  counted& operator=(counted&&) = delete;
  ~counted() {
    if (all_ != nullptr) ++all_->dropped;
  }

  void complete() {
    REQUIRE_MESSAGE(all_ != nullptr, "a handler was called twice");
    ++std::exchange(all_, nullptr)->completed;
  }

 private:
  tally* all_;
};

/// Runs a context turn by turn, and does one thing after the k-th of all its turns.
class turns {
 public:
  static constexpr std::size_t bound = 20000;  // a loop without an end passes it

  turns(std::size_t at, std::function<void()> act) : at_(at), act_(std::move(act)) {}

  /// Everything that can run now. False once the thing was done that ends the scenario.
  void settle(asio::io_context& io) {
    perhaps_act();
    if (over_) return;
    io.restart();
    while (!over_ && io.poll_one() != 0) {
      REQUIRE_MESSAGE(++count_ < bound, "handlers without an end");
      perhaps_act();
    }
  }

  std::size_t count() const noexcept { return count_; }
  bool acted() const noexcept { return acted_; }

  /// Nothing is left to run: the context may be gone.
  void end() noexcept { over_ = true; }
  bool over() const noexcept { return over_; }

 private:
  void perhaps_act() {
    if (!act_ || acted_ || count_ != at_) return;
    acted_ = true;
    act_();
  }

  std::size_t at_;
  std::function<void()> act_;
  std::size_t count_ = 0;
  bool acted_ = false;
  bool over_ = false;
};

/// Cancellation signals, one for each operation that was started.
class signals {
 public:
  asio::cancellation_slot next() { return all_.emplace_back().slot(); }
  void emit() {
    for (auto& each : all_) each.emit(asio::cancellation_type::all);
  }

 private:
  std::list<asio::cancellation_signal> all_;  // they stay where they are
};

using whole_frame = std::pair<kindwire::opcode, std::string>;

/// The whole frames in what was written, as `reader` reads them; `bytes` may end inside one.
inline std::vector<whole_frame> frames_in(std::string bytes, kindwire::role reader) {
  std::vector<whole_frame> all;
  std::string payload;
  kindwire::basic_frame_decoder decoder(reader);
  std::span<std::byte> input{reinterpret_cast<std::byte*>(bytes.data()), bytes.size()};
  while (auto const chunk = decoder.next(input)) {
    payload += kindwire::message(chunk.header->type, chunk.payload).text();
    if (chunk.last) all.emplace_back(chunk.header->type, std::exchange(payload, {}));
  }
  CHECK(!decoder.error());
  return all;
}

inline std::string close_body(unsigned code) {
  return {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
}

}  // namespace test
