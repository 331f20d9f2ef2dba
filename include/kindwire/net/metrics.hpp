// Metrics of servers and clients, as Prometheus reads them.
//
//     kw::net::metrics metrics;
//     kw::net::server server{{.port = 8080, .observer = metrics}};
//     server.get("/metrics", metrics.page());
//     metrics.gauge("chat_people", [&] { return double(users.people().size()); });
#pragma once

#include "requirements.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../error.hpp"
#include "../handshake/request.hpp"
#include "../handshake/response.hpp"
#include "observer.hpp"
#include "observing/metric_counts.hpp"
#include "observing/metric_text.hpp"

namespace kindwire::net {

/// Counts what happens to the connections that it observes, any number of servers and clients, and writes it
/// in Prometheus' text format:
///
/// - by `role` and `route`: `kindwire_connections_opened_total`, `kindwire_connections_open`,
///   `kindwire_{received,sent}_{messages,bytes}_total`;
/// - `kindwire_connections_closed_total` by `by` (closed_by) and `code`,
///   `kindwire_connection_errors_total` by `error`, `kindwire_connection_duration_seconds`;
/// - `kindwire_handshakes_failed_total` by `role`, `reason` (handshake_failure) and `status`,
///   `kindwire_handshake_errors_total` by `error`, `kindwire_accept_failures_total`,
///   `kindwire_exceptions_total`. Of TLS these errors are `tls_verification`, for a certificate that does not
///   pass, and `tls`;
/// - `kindwire_send_queues_filled`, `kindwire_send_queue_fillings_total`,
///   `kindwire_send_queue_longest_bytes`, `kindwire_sends_dropped_total`,
///   `kindwire_ping_round_trip_seconds`.
///
/// No label has a value that a peer may choose freely: a route is the pattern given to server::websocket(),
/// of which the first 64 are told apart; close codes from 3000 on and rare statuses are put together.
///
/// A handle: copies are the same metrics, and it may go before the server. Thread safe. Counting takes no
/// lock, but when a route has its first connection. About 9 KB.
class metrics {
 public:
  metrics() = default;

  /// For server_options::observer, connect_options::observer and observers().
  operator std::shared_ptr<observer>() const noexcept {
    return std::shared_ptr<observer>(state_, &state_->counts);
  }

  /// Adds a gauge of the application's own; `read` is called whenever the metrics are written, on the thread
  /// that does that, several at once perhaps, under no lock; what it throws leaves text(). Letters, digits,
  /// `_` and `:` make a name. Throws std::system_error with error::invalid_argument for others, for those
  /// that begin with `kindwire_`, and for one in use.
  void gauge(std::string name, std::function<double()> read,
             std::string help = "A gauge of the application.") {
    add({std::move(name), "gauge", std::move(help), std::move(read)});
  }
  /// The same for a number that never falls, such as hub::room::missed(). Its name should end in `_total`.
  void counter(std::string name, std::function<double()> read,
               std::string help = "A counter of the application.") {
    add({std::move(name), "counter", std::move(help), std::move(read)});
  }

  /// Everything, as of now.
  std::string text() const { return state_->text(); }

  /// A page with text(), for server::get(). It shows how much a server is used: let only those read it who
  /// may, for instance by a second server on another port.
  std::function<response(request const&)> page() const {
    return [state = state_](request const&) {
      return response{200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, state->text()};
    };
  }

 private:
  struct own {
    std::string name;
    std::string_view type;
    std::string help;
    std::function<double()> read;
  };

  struct state {
    detail::counting_observer counts;
    std::mutex mutex;
    std::vector<std::shared_ptr<own const>> owns;

    std::string text() {
      detail::metric_text result;
      counts.write(result);
      std::unique_lock lock(mutex);
      auto const all = owns;
      lock.unlock();
      for (auto const& each : all)
        result.only(each->name, each->type, each->help, detail::metric_text::number(each->read()));
      return result.take();
    }
  };

  void add(own fresh) {
    auto const refuse = [&] { throw std::system_error(error::invalid_argument, "metrics: " + fresh.name); };
    if (!detail::is_metric_name(fresh.name) || fresh.name.starts_with("kindwire_") || !fresh.read) refuse();
    std::lock_guard const lock(state_->mutex);
    for (auto const& each : state_->owns) {
      if (each->name == fresh.name) refuse();
    }
    state_->owns.push_back(std::make_shared<own const>(std::move(fresh)));
  }

  std::shared_ptr<state> state_ = std::make_shared<state>();
};

}  // namespace kindwire::net
