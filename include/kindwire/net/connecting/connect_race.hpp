// Connects to the first of several endpoints that answers, without waiting for those that do not: RFC 8305.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "../connection/deadline.hpp"
#include "../connection/try_allocating.hpp"

namespace kindwire::net::detail {

// RFC 8305 §4: the families take turns, beginning with that of the first; within one the order stays.
template <class Endpoint>
std::vector<Endpoint> interleaved(std::vector<Endpoint> const& all) {
  std::vector<Endpoint> result;
  result.reserve(all.size());
  auto const is_first = [&](Endpoint const& each) { return each.protocol() == all.front().protocol(); };
  auto first = std::find_if(all.begin(), all.end(), is_first);
  auto other = std::find_if_not(all.begin(), all.end(), is_first);
  while (result.size() != all.size()) {
    if (first != all.end()) {
      result.push_back(*first);
      first = std::find_if(first + 1, all.end(), is_first);
    }
    if (other != all.end()) {
      result.push_back(*other);
      other = std::find_if_not(other + 1, all.end(), is_first);
    }
  }
  return result;
}

template <class Socket>
struct race_terms {
  std::chrono::milliseconds head_start{250};  // RFC 8305 §5: before the next endpoint is tried as well
  std::chrono::milliseconds limit{5000};      // for each
  // What is done to a socket between open() and connect; with an error that endpoint is passed over.
  std::function<std::error_code(Socket&, typename Socket::endpoint_type const&)> prepare = {};
};

// What became of an endpoint that did not win.
template <class Endpoint>
struct failed_endpoint {
  Endpoint to;
  std::error_code why;
};

// `done` is called once, by a handler of the executor, unless cancel() comes first: with the winner's socket;
// or without, and then the error is that of the last endpoint that could be asked, else why none could. It
// may hold what holds this weakly. Made by std::make_shared; used on its executor only.
template <class Socket>
class connect_race : public std::enable_shared_from_this<connect_race<Socket>> {
 public:
  using endpoint = typename Socket::endpoint_type;
  using done_handler = std::function<void(std::error_code, Socket, std::vector<failed_endpoint<endpoint>>)>;

  connect_race(asio::any_io_executor executor, race_terms<Socket> terms, done_handler done)
      : executor_(std::move(executor)),
        terms_(std::move(terms)),
        done_(std::move(done)),
        head_start_(executor_) {}

  void start(std::vector<endpoint> const& all) {
    all_ = interleaved(all);
    go_on();
  }

  // Ends all attempts; `done` is dropped.
  void cancel() {
    end();
    done_ = nullptr;
  }

 private:
  struct attempt {
    attempt(asio::any_io_executor const& executor, endpoint const& where)
        : to(where), socket(executor), limit(executor) {}
    endpoint to;
    Socket socket;
    deadline limit;
    bool over = false;
  };

  void go_on() {
    try {
      while (next_ != all_.size()) {
        if (begin(all_[next_++])) return;
      }
    } catch (std::bad_alloc const&) {
      return finish(no_memory(), Socket(executor_));
    }
    if (running_ == 0) finish(why_, Socket(executor_));
  }

  // False if no socket can be had for it.
  bool begin(endpoint const& to) {
    attempts_.push_back(std::make_unique<attempt>(executor_, to));
    attempt& one = *attempts_.back();
    std::error_code failure;
    one.socket.open(to.protocol(), failure);
    if (!failure && terms_.prepare) failure = terms_.prepare(one.socket, to);
    if (!done_) return true;  // cancelled by it
    if (failure) {
      // A refusal by some endpoint says more than a failure to open a socket here.
      if (!asked_) why_ = failure;
      note(one, failure);
      return false;
    }
    asked_ = true;
    ++running_;
    one.socket.async_connect(to, [self = this->shared_from_this(), &one](std::error_code refused) {
      self->connected(one, refused);
    });
    one.limit.start(terms_.limit, this->weak_from_this(),
                    [&one](connect_race& self) { self.connected(one, asio::error::timed_out); });
    if (next_ != all_.size())
      head_start_.start_at(kindwire::detail::time_after(std::chrono::steady_clock::now(), terms_.head_start),
                           this->weak_from_this(), [](connect_race& self) { self.go_on(); });
    return true;
  }

  void note(attempt& one, std::error_code why) {
    std::error_code ignored;
    one.over = true;
    one.limit.cancel();
    one.socket.close(ignored);
    failed_.push_back({one.to, why});
  }

  void connected(attempt& one, std::error_code refused) {
    if (!done_ || one.over) return;
    if (!refused && is_connected_to_itself(one.socket)) refused = asio::error::connection_refused;
    if (!refused) {
      Socket winner = std::move(one.socket);
      return finish({}, std::move(winner));
    }
    --running_;
    why_ = refused;
    if (!try_allocating([&] { note(one, refused); })) return finish(no_memory(), Socket(executor_));
    head_start_.cancel();
    go_on();
  }

  // Where nobody listens on a port of this machine that the system gives to clients, TCP's simultaneous open
  // may join a socket with itself.
  static bool is_connected_to_itself(Socket const& socket) noexcept {
    if constexpr (requires(std::error_code & why) {
                    socket.local_endpoint(why) == socket.remote_endpoint(why);
                  }) {
      std::error_code failure, other;
      auto const here = socket.local_endpoint(failure);
      auto const there = socket.remote_endpoint(other);
      return !failure && !other && here == there;
    } else {
      return false;
    }
  }

  void end() {
    head_start_.cancel();
    for (auto const& each : attempts_) {
      std::error_code ignored;
      each->over = true;
      each->limit.cancel();
      each->socket.close(ignored);
    }
  }

  void finish(std::error_code outcome, Socket winner) {
    end();
    auto const done = std::exchange(done_, nullptr);
    if (done) done(outcome, std::move(winner), std::move(failed_));
  }

  asio::any_io_executor executor_;
  race_terms<Socket> terms_;
  done_handler done_;
  deadline head_start_;
  std::vector<endpoint> all_;
  std::size_t next_ = 0;
  // Handlers refer to them, so they stay until the end.
  std::vector<std::unique_ptr<attempt>> attempts_;
  std::vector<failed_endpoint<endpoint>> failed_;
  std::size_t running_ = 0;
  bool asked_ = false;
  std::error_code why_ = asio::error::host_not_found;
};

}  // namespace kindwire::net::detail
