// An observer that notes everything that it is told, in lines that a test can compare.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <kindwire/message/print.hpp>
#include <kindwire/net/observer.hpp>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

class seen final : public kindwire::net::observer {
 public:
  explicit seen(bool with_frames = false) : with_frames_(with_frames) {}

  void opened(kindwire::net::connection_facts const& of) noexcept override {
    std::lock_guard const lock(mutex_);
    CHECK(open_.insert(of.number).second);
    last_ = of;
    note("opened " + of.target);
  }
  void closed(kindwire::net::connection_facts const& of,
              kindwire::net::connection_end const& how) noexcept override {
    std::lock_guard const lock(mutex_);
    CHECK(open_.erase(of.number) == 1);
    std::string line = std::string("closed by ") + to_string(how.by) + ' ' +
                       std::to_string(static_cast<unsigned>(how.code()));
    if (!how.reason.empty()) (line += ' ') += how.reason;
    if (how.error) (line += ": ") += how.error.message();
    last_error_ = how.error;
    whole_ = how.traffic;
    note(line);
  }
  void handshake_failed(kindwire::net::failed_handshake const& what) noexcept override {
    std::lock_guard const lock(mutex_);
    std::string line = std::string("refused ") + to_string(what.reason) + ' ' + std::to_string(what.status);
    if (!what.target.empty()) (line += ' ') += what.target;
    if (what.error) (line += ": ") += what.error.message();
    refused_from_ = what.remote;
    note(line);
  }
  void accept_failed(std::error_code) noexcept override {
    std::lock_guard const lock(mutex_);
    note("accept failed");
  }
  void handler_threw(std::exception_ptr const&) noexcept override {
    std::lock_guard const lock(mutex_);
    note("threw");
  }
  void traffic(kindwire::net::connection_facts const&,
               kindwire::net::statistics const& since) noexcept override {
    std::lock_guard const lock(mutex_);
    sum_.bytes_received += since.bytes_received;
    sum_.bytes_sent += since.bytes_sent;
    sum_.messages_received += since.messages_received;
    sum_.messages_sent += since.messages_sent;
  }
  void queue_filled(kindwire::net::connection_facts const& of, std::size_t bytes) noexcept override {
    std::lock_guard const lock(mutex_);
    CHECK(open_.count(of.number) == 1);
    CHECK(bytes > of.send_queue_soft);
    note("filled");
  }
  void queue_drained(kindwire::net::connection_facts const& of) noexcept override {
    std::lock_guard const lock(mutex_);
    CHECK(open_.count(of.number) == 1);
    note("drained");
  }
  void dropped(kindwire::net::connection_facts const&, std::size_t sends) noexcept override {
    std::lock_guard const lock(mutex_);
    dropped_ += sends;
  }
  void round_trip(kindwire::net::connection_facts const&, std::chrono::milliseconds took) noexcept override {
    std::lock_guard const lock(mutex_);
    CHECK(took.count() >= 0);
    note("round trip");
  }
  bool wants_frames() const noexcept override { return with_frames_; }
  void frame(kindwire::net::connection_facts const&, kindwire::net::direction way,
             kindwire::frame_header const& header, std::span<std::byte const> beginning) noexcept override {
    std::lock_guard const lock(mutex_);
    note((way == kindwire::net::direction::received ? "< " : "> ") + to_string(header, beginning));
  }

  std::vector<std::string> lines() const {
    std::lock_guard const lock(mutex_);
    return lines_;
  }
  std::size_t count(std::string_view line) const {
    std::size_t result = 0;
    for (auto const& each : lines()) result += each == line ? 1 : 0;
    return result;
  }
  std::size_t open() const {
    std::lock_guard const lock(mutex_);
    return open_.size();
  }
  kindwire::net::statistics sum() const {
    std::lock_guard const lock(mutex_);
    return sum_;
  }
  kindwire::net::statistics whole() const {
    std::lock_guard const lock(mutex_);
    return whole_;
  }
  std::size_t dropped_sends() const {
    std::lock_guard const lock(mutex_);
    return dropped_;
  }
  kindwire::net::connection_facts last() const {
    std::lock_guard const lock(mutex_);
    return last_;
  }
  kindwire::endpoint refused_from() const {
    std::lock_guard const lock(mutex_);
    return refused_from_;
  }
  std::error_code last_error() const {
    std::lock_guard const lock(mutex_);
    return last_error_;
  }

 private:
  void note(std::string line) { lines_.push_back(std::move(line)); }

  std::mutex mutable mutex_;
  std::vector<std::string> lines_;
  std::set<std::uint64_t> open_;
  kindwire::net::statistics sum_;
  kindwire::net::statistics whole_;  // of the last that ended
  kindwire::net::connection_facts last_;
  kindwire::endpoint refused_from_;
  std::error_code last_error_;
  std::size_t dropped_ = 0;
  bool with_frames_;
};

}  // namespace test
