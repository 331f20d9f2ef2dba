// The way to a server: name, addresses, a connection, a proxy, TLS, the opening handshake, and again after a
// redirect.
#pragma once

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "../../error.hpp"
#include "../../handshake/client.hpp"
#include "../../handshake/headers.hpp"
#include "../../handshake/location.hpp"
#include "../../handshake/tunnel.hpp"
#include "../../handshake/uri.hpp"
#include "../connect_error.hpp"
#include "../connect_options.hpp"
#include "../connection/client_opening.hpp"
#include "../connection/deadline.hpp"
#include "../connection/handshake_report.hpp"
#include "../connection/try_allocating.hpp"
#include "../secure_layer.hpp"
#include "../websocket.hpp"
#include "connect_race.hpp"
#include "hooks.hpp"
#include "proxy_talk.hpp"
#include "redirect.hpp"
#include "socks_race.hpp"
#include "socks_targets.hpp"
#include "words.hpp"

namespace kindwire::net::detail {

// Each step has handlers that keep this alive and, by `stop_`, a way to end it that does not: so all of it
// goes with its context. Used on its executor only.
class connect_operation : public std::enable_shared_from_this<connect_operation> {
 public:
  connect_operation(asio::any_io_executor executor, uri to, connect_options options, opened_operation done)
      : executor_(std::move(executor)),
        to_(std::move(to)),
        options_(std::move(options)),
        done_(std::move(done)),
        deadline_(executor_),
        user_failure_(std::exchange(options_.failure, nullptr)),
        user_refusal_(std::exchange(options_.refusal, nullptr)) {}

  void start() {
    if (!done_) return;  // cancelled before
    guarded([this] {
      begun_ = clock::now();
      limit_time();
      // What cannot be asked for is refused before anybody is bothered.
      if (auto const failure = client_handshake{to_, options_.handshake()}.error()) return end(failure);
      begin();
    });
  }

  void cancel(std::error_code why) {
    if (!done_) return;
    auto const stop = std::exchange(stop_, nullptr);
    if (stop) stop(why);
    end(why);
  }

 private:
  using clock = std::chrono::steady_clock;
  using tcp = asio::ip::tcp;
  using phase = connect_phase;

  // What throws has failed; unless it is the application's handler that throws.
  template <class Work>
  void guarded(Work work) {
    std::error_code failure;
    try {
      return work();
    } catch (std::bad_alloc const&) {
      if (!done_) throw;
      failure = no_memory();
    } catch (std::system_error const& thrown) {  // such as of the resolver, whose thread cannot be started
      if (!done_) throw;
      failure = thrown.code();
    } catch (...) {
      if (!done_) throw;
      failure = std::make_error_code(std::errc::operation_canceled);
    }
    cancel(failure);
  }

  void limit_time() {
    deadline_.start(time_left(), this->weak_from_this(),
                    [](connect_operation& self) { self.cancel(error::handshake_timeout); });
  }
  std::chrono::milliseconds time_left() const {
    auto const passed = std::chrono::floor<std::chrono::milliseconds>(clock::now() - begun_);
    return options_.handshake_timeout - (std::min)(passed, options_.handshake_timeout);
  }

  // One try: of the URI, or of where a redirect leads.
  void begin() {
    via_ = options_.proxy.address_for(to_);
    place_.clear();
    at_ = phase::tls;
    if (auto const failure = to_.secure ? need(options_.tls) : std::error_code()) return end(failure);
    at_ = phase::proxy;
    bool const by_tls = via_ != nullptr && via_->kind == proxy_kind::https;
    if (auto const failure = by_tls ? need(options_.proxy_tls) : std::error_code()) return end(failure);
    via_ != nullptr ? find(via_->host, via_->port) : find(to_.host, to_.port);
  }

  void find(std::string const& host, std::uint16_t port) {
    at_ = via_ != nullptr ? phase::proxy : phase::name;
    place_ = "name " + host;
    look_up(host, port,
            [](connect_operation& self, std::vector<tcp::endpoint> const& all) { self.connect(all); });
  }

  // Calls `use(*this, endpoints)`, perhaps before it returns.
  template <class Use>
  void look_up(std::string const& host, std::uint16_t port, Use use) {
    std::vector<tcp::endpoint> all;
    std::error_code failure;
    if (auto const address = asio::ip::make_address(host, failure); !failure) {
      all.emplace_back(address, port);
      return use(*this, std::move(all));
    }
    if (options_.addresses) {
      failure = run_hook([&] {
        for (auto const& each : options_.addresses(host)) all.emplace_back(each, port);
      });
      if (!done_) return;  // cancelled by the hook
      if (failure) return end(failure);
      if (!all.empty()) return use(*this, std::move(all));
    }
    auto const resolver = std::make_shared<tcp::resolver>(executor_);
    stop_ = [held = std::weak_ptr<tcp::resolver>(resolver)](std::error_code) {
      if (auto const there = held.lock()) there->cancel();
    };
    resolver->async_resolve(
        host, std::to_string(port),
        [self = shared_from_this(), resolver, use](std::error_code failed, auto const& found) {
          if (!self->done_) return;
          if (failed) return self->end(failed);
          self->guarded([&] { use(*self, {found.begin(), found.end()}); });
        });
  }

  void connect(std::vector<tcp::endpoint> const& all) {
    if (via_ != nullptr) proxies_ = all;
    at_ = via_ != nullptr ? phase::proxy : phase::connection;
    place_.clear();
    tried_ = words_of(all);
    using race = connect_race<tcp::socket>;
    auto const running = std::make_shared<race>(
        executor_, connecting(),
        [self = shared_from_this()](std::error_code failure, tcp::socket socket, auto const& failed) {
          self->guarded([&] { self->connected(failure, std::move(socket), failed); });
        });
    stop_with(running);
    running->start(all);
  }

  race_terms<tcp::socket> connecting() {
    return {.limit = options_.connect_timeout,
            .prepare = [self = weak_from_this()](tcp::socket& socket, tcp::endpoint const& to) {
              auto const there = self.lock();
              return there ? prepare(socket, to, there->options_)
                           : make_error_code(asio::error::operation_aborted);
            }};
  }

  void connected(std::error_code failure, tcp::socket socket,
                 std::vector<failed_endpoint<tcp::endpoint>> const& failed) {
    if (!done_) return;
    if (failure) {
      tried_ = words_of(failed);
      return end(failure);
    }
    tried_.clear();
    adopt(socket);
    if (via_ == nullptr) return reached(std::move(socket));
    if (via_->kind == proxy_kind::https)
      return secure(*options_.proxy_tls, std::move(socket), via_->host, via_->port,
                    [](connect_operation& self, auto stream) { self.ask_for_tunnel(std::move(stream)); });
    if (via_->kind == proxy_kind::http) return ask_for_tunnel(std::move(socket));
    if (!needs_addresses(to_, *via_)) return ask_socks(std::move(socket), {socks_target_of(to_, *via_)});
    at_ = phase::name;
    place_ = "name " + to_.host;
    auto const held = std::make_shared<tcp::socket>(std::move(socket));
    look_up(to_.host, to_.port, [held](connect_operation& self, std::vector<tcp::endpoint> const& all) {
      if (all.empty()) return self.end(asio::error::host_not_found);
      self.ask_socks(std::move(*held), socks_targets_of(self.to_, *self.via_, all));
    });
    // The system may take its time to give a resolver up.
    if (!stop_) return;
    stop_ = [stop = std::move(stop_), weak = std::weak_ptr(held)](std::error_code why) {
      stop(why);
      std::error_code unneeded;
      if (auto const there = weak.lock()) there->close(unneeded);
    };
  }

  template <class Stream>
  void ask_for_tunnel(Stream stream) {
    auto const& who = via_->credentials;
    bool const known = !who.user.empty() || !who.password.empty();
    talk(std::move(stream),
         tunnel_handshake{authority_of(to_.host, to_.port),
                          {.credentials = known ? who.user + ':' + who.password : std::string(),
                           .limits = options_.head,
                           .max_body = options_.max_body}});
  }

  void ask_socks(tcp::socket socket, std::vector<socks_target> targets) {
    at_ = phase::proxy;
    place_.clear();
    auto const running = std::make_shared<socks_race>(
        executor_, socks_terms{std::move(proxies_), connecting(), options_.connect_timeout},
        std::move(targets), [self = shared_from_this()](socks_failure failure, tcp::socket winner) {
          if (!self->done_) return;
          self->guarded([&] {
            if (!failure.why) {
              self->adopt(winner);
              return self->reached(std::move(winner));
            }
            self->tried_ = std::move(failure.tried);
            self->failure_.answer = std::move(failure.answer);
            self->end(failure.why);
          });
        });
    stop_ = [this, weak = std::weak_ptr(running)](std::error_code) {
      auto const there = weak.lock();
      if (!there) return;
      try_allocating([&] { tried_ = there->tried(); });
      there->cancel();
    };
    running->start(std::move(socket));
  }

  void adopt(tcp::socket& socket) {
    std::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    remote_ = remote_endpoint_of(socket);
  }

  template <class Stream, class Handshake>
  void talk(Stream stream, Handshake handshake) {
    using talk_type = proxy_talk<Stream, Handshake>;
    auto const running = std::make_shared<talk_type>(
        executor_, std::move(stream), std::move(handshake), options_.body_timeout,
        [self = shared_from_this()](std::error_code failure, Stream reached, response const& answer) {
          if (!self->done_) return;
          self->guarded([&] {
            if (!failure) return self->reached(std::move(reached));
            self->failure_.answer = answer;
            self->end(failure);
          });
        });
    stop_with(running);
    running->start();
  }

  std::string tls_place() const { return "TLS with " + to_.authority(); }

  // The stream leads to the server.
  template <class Stream>
  void reached(Stream stream) {
    tried_.clear();
    if (!to_.secure) return open(std::move(stream));
    at_ = phase::tls;
    place_ = tls_place();
    secure(*options_.tls, std::move(stream), to_.host, to_.port,
           [](connect_operation& self, auto secured) { self.open(std::move(secured)); });
  }

  // Calls `use(*this, stream)` once it is secure.
  template <class Stream, class Use>
  void secure(secure_layer const& layer, Stream below, std::string const& host, std::uint16_t port, Use use) {
    std::shared_ptr<std::unique_ptr<secure_stream>> const held =
        std::make_shared<std::unique_ptr<secure_stream>>();
    if (auto const failure = run_hook([&] { *held = layer.over(std::move(below), host, port); }))
      return end(failure);
    stop_ = [weak = std::weak_ptr(held)](std::error_code) {
      if (auto const there = weak.lock()) there->reset();
    };
    (*held)->async_handshake([self = shared_from_this(), held, use](std::error_code failure) {
      if (!self->done_) return;
      if (failure) return self->end(failure);
      self->guarded([&] { use(*self, std::move(*held)); });
    });
  }

  template <class Stream>
  void open(Stream stream) {
    at_ = phase::handshake;
    place_.clear();
    asked_ = true;
    connect_options options = options_;
    options.failure = &failure_;
    options.handshake_timeout = time_left();
    deadline_.cancel();
    opened_operation done(
        [self = shared_from_this()](std::error_code failure, websocket ws) mutable {
          self->guarded([&] { self->opened(failure, std::move(ws)); });
        },
        executor_);
    if constexpr (std::is_same_v<Stream, tcp::socket>) {
      stop_ = start_stoppable_opening(std::move(stream), to_, std::move(options), std::move(done));
    } else {
      stop_ = stream->open(to_, std::move(options), std::move(done));
    }
    // Cancelled by a hook, when there was nothing to stop yet.
    if (auto const stop = done_ ? nullptr : std::exchange(stop_, nullptr))
      stop(asio::error::operation_aborted);
  }

  void opened(std::error_code failure, websocket ws) {
    if (!done_) return;
    stop_ = nullptr;
    if (!failure) return done_.complete({}, std::move(ws));
    at_ = failure_.code ? failure_.phase : phase::handshake;
    // What the server has said speaks for itself.
    bool const is_silent = failure_.answer.status == 0 && failure_.answer.body.empty();
    if (is_silent && (at_ == phase::handshake || at_ == phase::tls))
      try_allocating([&] { place_ = at_ == phase::tls ? tls_place() : "handshake with " + to_.authority(); });
    if (failure != error::handshake_refused || options_.redirects == 0 ||
        !is_redirect(failure_.answer.status))
      return end(failure);
    at_ = phase::refusal;
    if (redirects_++ == options_.redirects) return end(error::too_many_redirects);
    auto const next = redirected(to_, failure_.answer, options_);
    if (!next) return end(error::redirect_refused);
    // Servers that answer faster than timers must not make it endless.
    if (time_left().count() == 0) return end(error::handshake_timeout);
    to_ = *next;
    failure_ = {};
    asked_ = false;
    limit_time();
    begin();
  }

  template <class Step>
  void stop_with(std::shared_ptr<Step> const& running) {
    stop_ = [weak = std::weak_ptr<Step>(running)](std::error_code) {
      if (auto const there = weak.lock()) there->cancel();
    };
  }

  void end(std::error_code why) {
    if (!done_) return;  // cancelled by a hook
    deadline_.cancel();
    stop_ = nullptr;
    try_allocating([&] { tell(why); });
    done_.post_or_complete(why, websocket{});
  }

  void tell(std::error_code why) {
    // A handshake tells its observer by itself.
    if (options_.observer && !asked_) {
      handshake_report report(role::client);
      report.begin(options_.observer, remote_);
      report.failed(failure_reason(why), failure_.answer.status, why, to_.target);
    }
    failure_.phase = at_;
    failure_.code = why;
    failure_.text = failure_text(tried_, place_, why.message());
    if (at_ == phase::proxy && via_ != nullptr)
      failure_.text = "proxy " + authority_of(via_->host, via_->port) + ": " + failure_.text;
    response const& answer = failure_.answer;
    if (user_refusal_ != nullptr && (answer.status != 0 || !answer.body.empty())) *user_refusal_ = answer;
    if (user_failure_ != nullptr) *user_failure_ = failure_;
  }

  asio::any_io_executor executor_;
  uri to_;
  connect_options options_;
  opened_operation done_;
  deadline deadline_;
  connect_failure* user_failure_;
  response* user_refusal_;
  stop_function stop_;
  proxy_address const* via_ = nullptr;  // belongs to the options
  std::vector<tcp::endpoint> proxies_;  // where it is
  clock::time_point begun_;
  phase at_ = phase::uri;
  std::string place_;  // of the phase, for people
  std::string tried_;  // addresses
  endpoint remote_;
  connect_failure failure_;
  unsigned redirects_ = 0;
  bool asked_ = false;  // the server, in this try
};

}  // namespace kindwire::net::detail
