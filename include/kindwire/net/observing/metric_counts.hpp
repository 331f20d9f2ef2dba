// What metrics count, and how that is written. Atomics only: several threads count at once, and one reads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "../../frame/role.hpp"
#include "../../message/close.hpp"
#include "../connection/try_allocating.hpp"
#include "../observer.hpp"
#include "../options.hpp"
#include "error_name.hpp"
#include "metric_text.hpp"

namespace kindwire::net::detail {

class metric_count {
 public:
  void add(std::uint64_t more = 1) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
  void take_back() noexcept { value_.fetch_sub(1, std::memory_order_relaxed); }
  void rise_to(std::uint64_t value) noexcept {
    std::uint64_t now = get();
    while (now < value && !value_.compare_exchange_weak(now, value, std::memory_order_relaxed)) continue;
  }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct metric_bound {
  std::int64_t milliseconds;
  std::string_view seconds;
};

template <std::size_t Bounds>
class metric_histogram {
 public:
  explicit metric_histogram(std::array<metric_bound, Bounds> const& bounds) noexcept : bounds_(bounds) {}

  void add(std::chrono::milliseconds what) noexcept {
    std::size_t place = 0;
    while (place != Bounds && what.count() > bounds_[place].milliseconds) ++place;
    buckets_[place].add();
    sum_.add(static_cast<std::uint64_t>((std::max)(what, std::chrono::milliseconds(0)).count()));
  }

  void write(metric_text& to, std::string_view name, std::string_view help) const {
    to.family(name, "histogram", help);
    std::uint64_t count = 0;
    for (std::size_t place = 0; place != Bounds + 1; ++place) {
      count += buckets_[place].get();
      metric_label const bound[]{{"le", place == Bounds ? "+Inf" : bounds_[place].seconds}};
      to.sample(bound, count, "_bucket");
    }
    to.sample({}, std::string_view(metric_text::number(static_cast<double>(sum_.get()) / 1000)), "_sum");
    to.sample({}, count, "_count");
  }

 private:
  std::array<metric_bound, Bounds> const& bounds_;
  std::array<metric_count, Bounds + 1> buckets_;
  metric_count sum_;  // milliseconds
};

inline constexpr std::array<metric_bound, 13> round_trip_bounds{{{1, "0.001"},
                                                                 {2, "0.002"},
                                                                 {5, "0.005"},
                                                                 {10, "0.01"},
                                                                 {25, "0.025"},
                                                                 {50, "0.05"},
                                                                 {100, "0.1"},
                                                                 {250, "0.25"},
                                                                 {500, "0.5"},
                                                                 {1000, "1"},
                                                                 {2500, "2.5"},
                                                                 {5000, "5"},
                                                                 {10000, "10"}}};
inline constexpr std::array<metric_bound, 9> duration_bounds{{{100, "0.1"},
                                                              {1000, "1"},
                                                              {10000, "10"},
                                                              {60000, "60"},
                                                              {300000, "300"},
                                                              {1800000, "1800"},
                                                              {7200000, "7200"},
                                                              {28800000, "28800"},
                                                              {86400000, "86400"}}};

// A peer may choose any of 2,000 codes, and any status.
inline constexpr std::array<std::string_view, 19> code_labels{
    "1000", "1001", "1002", "1003", "1004", "1005", "1006",      "1007",      "1008", "1009",
    "1010", "1011", "1012", "1013", "1014", "1015", "3000-3999", "4000-4999", "other"};
constexpr std::size_t code_slot(close_code code) noexcept {
  auto const value = static_cast<unsigned>(code);
  if (value >= 1000 && value <= 1015) return value - 1000;
  if (value >= 3000 && value <= 4999) return value < 4000 ? 16 : 17;
  return 18;
}

inline constexpr std::array<unsigned, 29> known_statuses{0,   101, 200, 204, 301, 302, 303, 304, 307, 308,
                                                         400, 401, 403, 404, 405, 408, 409, 410, 413, 414,
                                                         421, 426, 429, 431, 500, 501, 502, 503, 504};
inline constexpr std::size_t status_slots = known_statuses.size() + 1;
constexpr std::size_t status_slot(unsigned status) noexcept {
  auto const found = std::find(known_statuses.begin(), known_statuses.end(), status);
  return static_cast<std::size_t>(found - known_statuses.begin());
}
inline std::string status_label(std::size_t slot) {
  if (slot == known_statuses.size()) return "other";
  return known_statuses[slot] == 0 ? "none" : std::to_string(known_statuses[slot]);
}

inline constexpr std::size_t failure_slots = static_cast<std::size_t>(handshake_failure::tls) + 1;

constexpr std::string_view role_label(role self) noexcept {
  return self == role::server ? "server" : "client";
}

// The connections of a route, or of all clients.
struct route_counts {
  role self = role::server;
  std::string route;
  metric_count opened, closed;
  metric_count messages_received, messages_sent, bytes_received, bytes_sent;
};

// Filled from the front, and nothing is taken out: reading needs no lock.
class route_table {
 public:
  route_table() { others_.route = "other"; }
  route_table(route_table const&) = delete;
  route_table& operator=(route_table const&) = delete;
  ~route_table() {
    for (auto const& place : places_) delete place.load(std::memory_order_relaxed);
  }

  route_counts& of(connection_facts const& which) noexcept {
    if (route_counts* const found = find(which)) return *found;
    if (places_.back().load(std::memory_order_relaxed) != nullptr) return others_;
    std::lock_guard const lock(mutex_);
    if (route_counts* const found = find(which)) return *found;
    for (auto& place : places_) {
      if (place.load(std::memory_order_relaxed) != nullptr) continue;
      std::unique_ptr<route_counts> fresh;
      try_allocating([&] {
        fresh = std::make_unique<route_counts>();
        fresh->self = which.self;
        fresh->route = which.route;
      });
      if (!fresh || fresh->route != which.route) break;
      place.store(fresh.get(), std::memory_order_release);
      return *fresh.release();
    }
    return others_;
  }

  template <class Use>
  void for_each(Use use) const {
    for (auto const& place : places_) {
      route_counts const* const each = place.load(std::memory_order_acquire);
      if (each == nullptr) break;
      use(*each);
    }
    if (others_.opened.get() != 0) use(others_);
  }

 private:
  route_counts* find(connection_facts const& which) const noexcept {
    for (auto const& place : places_) {
      route_counts* const each = place.load(std::memory_order_acquire);
      if (each == nullptr) return nullptr;
      if (each->self == which.self && each->route == which.route) return each;
    }
    return nullptr;
  }

  std::mutex mutex_;  // for adding
  std::array<std::atomic<route_counts*>, 64> places_{};
  route_counts others_;  // of routes beyond those, or without memory
};

class counting_observer final : public observer {
 public:
  void opened(connection_facts const& of) noexcept override { routes_.of(of).opened.add(); }

  void closed(connection_facts const& of, connection_end const& how) noexcept override {
    routes_.of(of).closed.add();
    closed_[static_cast<std::size_t>(how.by)][code_slot(how.code())].add();
    if (how.error) connection_errors_[error_slot(how.error)].add();
    durations_.add(std::chrono::duration_cast<std::chrono::milliseconds>(how.lasted));
  }

  void handshake_failed(failed_handshake const& what) noexcept override {
    failed_[what.self == role::server ? 0 : 1][static_cast<std::size_t>(what.reason)]
           [status_slot(what.status)]
               .add();
    if (what.error) handshake_errors_[error_slot(what.error)].add();
  }

  void accept_failed(std::error_code) noexcept override { accept_failures_.add(); }
  void handler_threw(std::exception_ptr const&) noexcept override { exceptions_.add(); }

  void traffic(connection_facts const& of, statistics const& since) noexcept override {
    route_counts& counts = routes_.of(of);
    if (since.messages_received != 0) counts.messages_received.add(since.messages_received);
    if (since.messages_sent != 0) counts.messages_sent.add(since.messages_sent);
    if (since.bytes_received != 0) counts.bytes_received.add(since.bytes_received);
    if (since.bytes_sent != 0) counts.bytes_sent.add(since.bytes_sent);
  }

  void queue_filled(connection_facts const&, std::size_t bytes) noexcept override {
    fillings_.add();
    filled_.add();
    longest_queue_.rise_to(bytes);
  }
  void queue_drained(connection_facts const&) noexcept override { filled_.take_back(); }
  void dropped(connection_facts const&, std::size_t sends) noexcept override { dropped_.add(sends); }
  void round_trip(connection_facts const&, std::chrono::milliseconds took) noexcept override {
    round_trips_.add(took);
  }

  void write(metric_text& to) const {
    write_routes(to);
    to.family("kindwire_connections_closed_total", "counter",
              "Connections that have ended, by who closed first and with which code.");
    for (std::size_t by = 0; by != closed_.size(); ++by) {
      for (std::size_t code = 0; code != code_labels.size(); ++code) {
        metric_label const labels[]{{"by", to_string(static_cast<closed_by>(by))},
                                    {"code", code_labels[code]}};
        write_counted(to, labels, closed_[by][code]);
      }
    }
    write_errors(to, "kindwire_connection_errors_total", "What ended connections without a close handshake.",
                 connection_errors_);
    durations_.write(to, "kindwire_connection_duration_seconds", "How long connections were open.");
    write_failures(to);
    write_errors(to, "kindwire_handshake_errors_total", "Rules that requests and answers have broken.",
                 handshake_errors_);
    to.only("kindwire_accept_failures_total", "counter", "Connections that could not be accepted.",
            accept_failures_.get());
    to.only("kindwire_exceptions_total", "counter", "What handlers, pages and checks have thrown.",
            exceptions_.get());
    to.only("kindwire_send_queues_filled", "gauge",
            "Connections with more than send_queue_soft waiting to be written.", filled_.get());
    to.only("kindwire_send_queue_fillings_total", "counter",
            "How often the queue of a connection has risen above send_queue_soft.", fillings_.get());
    to.only("kindwire_send_queue_longest_bytes", "gauge",
            "The longest queue of a connection when it has risen above send_queue_soft.",
            longest_queue_.get());
    to.only("kindwire_sends_dropped_total", "counter", "Messages that send_queue_hard has not let in.",
            dropped_.get());
    round_trips_.write(to, "kindwire_ping_round_trip_seconds", "From a ping to the next input of the peer.");
  }

 private:
  using errors = std::array<metric_count, error_slots>;

  template <class Value>
  void write_route(metric_text& to, std::string_view name, std::string_view type, std::string_view help,
                   Value value) const {
    to.family(name, type, help);
    routes_.for_each([&](route_counts const& each) {
      metric_label const labels[]{{"role", role_label(each.self)}, {"route", each.route}};
      to.sample(labels, value(each));
    });
  }

  void write_routes(metric_text& to) const {
    using of = route_counts const&;
    write_route(to, "kindwire_connections_opened_total", "counter", "Opening handshakes that were completed.",
                [](of each) { return each.opened.get(); });
    write_route(to, "kindwire_connections_open", "gauge", "Connections that are open.", [](of each) {
      // One that had no memory for its route at first may have been closed under another than it was opened.
      std::uint64_t const closed = each.closed.get(), opened = each.opened.get();
      return opened > closed ? opened - closed : 0;
    });
    write_route(to, "kindwire_received_messages_total", "counter",
                "Messages that applications have received.",
                [](of each) { return each.messages_received.get(); });
    write_route(to, "kindwire_sent_messages_total", "counter", "Messages that were queued to be sent.",
                [](of each) { return each.messages_sent.get(); });
    write_route(to, "kindwire_received_bytes_total", "counter", "Bytes of frames read from streams.",
                [](of each) { return each.bytes_received.get(); });
    write_route(to, "kindwire_sent_bytes_total", "counter", "Bytes of frames written to streams.",
                [](of each) { return each.bytes_sent.get(); });
  }

  void write_failures(metric_text& to) const {
    to.family("kindwire_handshakes_failed_total", "counter",
              "Opening handshakes that have failed, by the status of the answer and the reason.");
    for (std::size_t self = 0; self != failed_.size(); ++self) {
      for (std::size_t reason = 0; reason != failed_[self].size(); ++reason) {
        for (std::size_t status = 0; status != status_slots; ++status) {
          std::string const spelt = status_label(status);
          metric_label const labels[]{{"role", role_label(self == 0 ? role::server : role::client)},
                                      {"reason", to_string(static_cast<handshake_failure>(reason))},
                                      {"status", spelt}};
          write_counted(to, labels, failed_[self][reason][status]);
        }
      }
    }
  }

  static void write_errors(metric_text& to, std::string_view name, std::string_view help, errors const& all) {
    to.family(name, "counter", help);
    for (std::size_t slot = 0; slot != all.size(); ++slot) {
      metric_label const label[]{{"error", name_of_slot(slot)}};
      write_counted(to, label, all[slot]);
    }
  }

  // Most combinations never happen.
  static void write_counted(metric_text& to, std::span<metric_label const> labels, metric_count const& what) {
    if (auto const value = what.get(); value != 0) to.sample(labels, value);
  }

  route_table routes_;
  std::array<std::array<metric_count, code_labels.size()>, 3> closed_;
  std::array<std::array<std::array<metric_count, status_slots>, failure_slots>, 2>
      failed_;  // by role and reason
  errors connection_errors_;
  errors handshake_errors_;
  metric_count accept_failures_, exceptions_;
  metric_count filled_, fillings_, longest_queue_, dropped_;
  metric_histogram<round_trip_bounds.size()> round_trips_{round_trip_bounds};
  metric_histogram<duration_bounds.size()> durations_{duration_bounds};
};

}  // namespace kindwire::net::detail
