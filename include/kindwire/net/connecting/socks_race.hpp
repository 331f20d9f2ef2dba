// Asks a SOCKS 5 proxy for the addresses of a server, until it reaches one.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../../handshake/response.hpp"
#include "../../handshake/socks5.hpp"
#include "../connection/deadline.hpp"
#include "../connection/try_allocating.hpp"
#include "connect_race.hpp"
#include "proxy_talk.hpp"
#include "socks_targets.hpp"
#include "words.hpp"

namespace kindwire::net::detail {

struct socks_terms {
  std::vector<asio::ip::tcp::endpoint> proxy;  // where it is
  race_terms<asio::ip::tcp::socket> connecting = {};
  std::chrono::milliseconds head_start{5000};  // before the next address is asked for as well
};

// What became of all: the last failure with the proxy's answer, and who was tried, in words.
struct socks_failure {
  std::error_code why = {};
  response answer{0, {}, {}};
  std::string tried = {};
};

// A request has one address, and a proxy that refuses it closes the connection (RFC 1928 §6): each address is
// asked for on a connection of its own. The next one is as soon as one fails, or beside it if that takes
// long: the proxy may be slow, or the address dead. The first that is reached wins.
//
// `done` is called once, by a handler of the executor or by start(), with the winner or the failure, unless
// cancel() comes first. It may hold what holds this weakly. Made by std::make_shared; used on its executor
// only.
class socks_race : public std::enable_shared_from_this<socks_race> {
 public:
  using socket_type = asio::ip::tcp::socket;
  using done_handler = std::function<void(socks_failure, socket_type)>;

  // There is at least one target.
  socks_race(asio::any_io_executor executor, socks_terms terms, std::vector<socks_target> targets,
             done_handler done)
      : executor_(std::move(executor)),
        terms_(std::move(terms)),
        targets_(std::move(targets)),
        done_(std::move(done)),
        head_start_(executor_) {}

  // `first` is connected to the proxy.
  void start(socket_type first) {
    guarded([&] { ask(std::move(first)); });
  }

  // Ends all attempts; `done` is dropped.
  void cancel() {
    end();
    done_ = nullptr;
  }

  // The addresses that failed and why, and those that are still asked for; empty if the URI says it all.
  std::string tried() const {
    if (targets_.front().name.empty()) return {};
    std::vector<std::string> all;
    for (auto const& each : failed_)
      all.push_back(each.said.empty() ? each.text : each.text + ": \"" + each.said + '"');
    for (std::size_t i = 0; i != attempts_.size(); ++i) {
      if (!attempts_[i].over) all.push_back(targets_[i].name);
    }
    return listed(all, [](std::string const& each) { return each; });
  }

 private:
  using talk = proxy_talk<socket_type, socks5_handshake>;
  using race = connect_race<socket_type>;

  struct attempt {
    std::weak_ptr<talk> running;  // which holds this
    bool over = false;
  };
  struct failed_attempt {
    std::string text;
    std::string said;  // by the proxy
  };

  template <class Work>
  void guarded(Work work) {
    try {
      return work();
    } catch (std::bad_alloc const&) {
      if (!done_) throw;  // by `done` itself
    }
    finish(no_memory());
  }

  void ask(socket_type socket) {
    std::size_t const at = attempts_.size();
    auto const running = std::make_shared<talk>(
        executor_, std::move(socket), socks5_handshake{targets_[at].request},
        std::chrono::milliseconds{},  // there are no bodies
        [self = shared_from_this(), at](std::error_code failure, socket_type stream, response const& answer) {
          self->answered(at, failure, std::move(stream), answer.body);
        });
    attempts_.push_back({running});
    ++running_;
    if (any_left())
      head_start_.start(terms_.head_start, weak_from_this(),
                        [](socks_race& self) { self.guarded([&] { self.go_on(); }); });
    running->start();
  }

  void answered(std::size_t at, std::error_code failure, socket_type stream, std::string const& said) {
    if (!done_) return;
    if (!failure) return finish({}, std::move(stream));
    guarded([&] {
      attempts_[at].over = true;
      --running_;
      auto const& name = targets_[at].name;
      failed_.push_back({name + ": " + failure.message(), said});
      why_ = failure;
      is_about_one_address(failure) ? go_on() : finish(failure);
    });
  }

  bool any_left() const noexcept { return !is_unreachable_ && attempts_.size() != targets_.size(); }

  void go_on() {
    if (is_connecting_) return;
    if (any_left()) return connect();
    if (running_ == 0) finish(why_);
  }

  void connect() {
    head_start_.cancel();
    is_connecting_ = true;
    auto const running = std::make_shared<race>(
        executor_, terms_.connecting,
        [self = shared_from_this()](std::error_code failure, socket_type socket, auto const& failed) {
          if (!self->done_) return;
          self->guarded([&] { self->connected(failure, std::move(socket), words_of(failed)); });
        });
    connecting_ = running;
    running->start(terms_.proxy);
  }

  void connected(std::error_code failure, socket_type socket, std::string const& tried) {
    is_connecting_ = false;
    if (!failure) return ask(std::move(socket));
    // A proxy that takes no further connection may still answer on those that it has.
    is_unreachable_ = true;
    failed_.push_back({tried, {}});
    why_ = failure;
    go_on();
  }

  void end() {
    head_start_.cancel();
    for (auto const& each : attempts_) {
      if (auto const there = each.running.lock()) there->cancel();
    }
    if (auto const there = connecting_.lock()) there->cancel();
  }

  void finish(std::error_code why) {
    socks_failure failure{.why = why};
    // Its words are the answer, not a part of the list.
    if (why != no_memory() && !failed_.empty()) failure.answer.body = std::exchange(failed_.back().said, {});
    for (auto& each : attempts_) each.over = true;
    try_allocating([&] { failure.tried = tried(); });
    finish(std::move(failure), socket_type(executor_));
  }
  void finish(socks_failure failure, socket_type winner) {
    end();
    auto const done = std::exchange(done_, nullptr);
    if (done) done(std::move(failure), std::move(winner));
  }

  asio::any_io_executor executor_;
  socks_terms terms_;
  std::vector<socks_target> targets_;
  done_handler done_;
  deadline head_start_;
  std::vector<attempt> attempts_;  // each at the place of its target
  std::size_t running_ = 0;
  std::weak_ptr<race> connecting_;
  bool is_connecting_ = false;
  bool is_unreachable_ = false;
  std::vector<failed_attempt> failed_;
  std::error_code why_;
};

}  // namespace kindwire::net::detail
