// The server's side of one accepted stream until it is a websocket, or was answered otherwise.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/socket_base.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../handshake/host.hpp"
#include "../../handshake/negotiator.hpp"
#include "../../handshake/request.hpp"
#include "../../handshake/response.hpp"
#include "../../handshake/server.hpp"
#include "../../handshake/upgrade.hpp"
#include "../async_stream.hpp"
#include "../options.hpp"
#include "../route_options.hpp"
#include "admission.hpp"
#include "connection.hpp"
#include "connection_of.hpp"
#include "deadline.hpp"
#include "handshake_report.hpp"
#include "kept_head.hpp"
#include "roster.hpp"
#include "running_check.hpp"
#include "server_state.hpp"
#include "target_of.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

// Reads the request, and answers it. One deadline covers all of it, however slowly the bytes arrive, or the
// check of a route decides.
template <class Stream>
class opening final : public roster_member {
 public:
  // Takes a fresh connection; start() is to be called on its executor. Null if the server's limits do not
  // even allow to refuse it with an answer: then it is closed, and `turned_away` has begun. `local` if its
  // acceptor listens on loopback. May throw std::bad_alloc.
  static std::shared_ptr<opening> begin(Stream stream, std::shared_ptr<server_state const> const& server,
                                        bool local, handshake_report& turned_away) {
    admission_verdict verdict;
    if (server->limits) {
      verdict = admit(server, stream);
      if (!verdict.seat) {
        turned_away.begin(server->observer, stream);
        close_any(stream);
        return nullptr;
      }
    }
    auto const seat = verdict.seat;
    auto const fresh = std::make_shared<opening>(std::move(stream), server, local, std::move(verdict));
    server->members->enrol(fresh, seat);
    return fresh;
  }

  opening(Stream stream, std::shared_ptr<server_state const> server, bool local, admission_verdict verdict)
      : executor_(stream.get_executor()),
        stream_(std::move(stream)),
        server_(std::move(server)),
        handshake_(server_->head),
        deadline_(executor_),
        seat_(std::move(verdict.seat)),
        local_(local) {
    report_.begin(server_->observer, stream_);
    if (verdict.refusal) refusal_ = std::make_unique<response const>(std::move(*verdict.refusal));
    auto const* const io = target_of<asio::io_context::executor_type>(executor_);
    one_thread_ = io != nullptr && server_->runs_on_one_thread(asio::query(*io, asio::execution::context));
  }

  asio::any_io_executor const& get_executor() const noexcept { return executor_; }

  void start() {
    bool const started = try_allocating([&] {
      expect_end(refusal_ ? short_term() : server_->handshake_timeout);
      if constexpr (handshaking_stream<Stream>) {
        shake_hands();
      } else {
        read();
      }
    });
    if (!started) end_without_memory();
  }

  // A connection that was accepted already is closed as a websocket.
  void stop(close_code code) override {
    asio::post(executor_, [self = shared(), code] {
      if (!self->accepted_) return self->end(handshake_failure::stopped);
      self->stopped_ = code;
    });
  }

  void stop_now() override {
    asio::post(executor_, [self = shared()] { self->end(handshake_failure::stopped); });
  }

 private:
  std::shared_ptr<opening> shared() { return std::static_pointer_cast<opening>(shared_from_this()); }

  // For the peer to take a refusal.
  std::chrono::milliseconds short_term() const noexcept {
    return (std::min)(kindwire::detail::drained_time, server_->handshake_timeout);
  }

  void expect_end(std::chrono::milliseconds term) {
    deadline_.start(term, std::weak_ptr(shared()),
                    [](opening& self) { self.end(handshake_failure::timeout); });
  }

  // TLS first.
  void shake_hands() {
    stream_.async_handshake([self = shared()](std::error_code failure) {
      if (self->ended_) return self->end(handshake_failure::lost);
      if (!try_allocating([&] { failure ? self->tell_of(failure) : self->read(); }))
        self->end_without_memory();
    });
  }

  // The socket still carries the alert that says why, and the answer to a client without TLS.
  void tell_of(std::error_code failure) {
    bool const http = stream_.met_plain_http();
    bool const lost =
        failure == error::connection_lost || failure.category() == asio::error::get_system_category();
    report_.failed(lost ? handshake_failure::lost : failure_reason(failure), http ? 400 : 0, failure, {});
    if (lost) return end(handshake_failure::lost);
    if (http)
      kindwire::detail::write_any_response(
          response::text(400, "this port speaks TLS: use https:// or wss://\n"), output_, false);
    send_last(stream_.next_layer());
  }

  void read() {
    std::span<std::byte> room;
    if (!try_allocating([&] { room = handshake_.prepare(1024); })) return end_without_memory();
    stream_.async_read_some(asio::mutable_buffer(room.data(), room.size()),
                            [self = shared()](std::error_code failure, std::size_t size) {
                              if (failure || self->ended_) return self->end(handshake_failure::lost, failure);
                              // If that runs out of memory, the handshake has failed and reports it.
                              try_allocating([&] { self->handshake_.commit(size); });
                              if (!try_allocating([&] { self->go_on(); })) self->end_without_memory();
                            });
  }

  void go_on() {
    if (handshake_.status() == handshake_status::reading) return read();
    if (refusal_) return refuse(*refusal_, handshake_failure::limit);
    if (handshake_.status() == handshake_status::failed)
      return refuse(handshake_.error_response(), handshake_failure::error, handshake_.error());
    or_500([this] { decide(); });
  }

  template <class Work>
  void or_500(Work work) {
    try {
      work();
    } catch (...) {
      server_->report(std::current_exception());
      refuse(response::plain(500), handshake_failure::exception);
    }
  }

  void decide() {
    request& head = handshake_.request();
    report_.received(head);
    describe(stream_, head);
    if (refuse_other_host(head)) return;
    auto found = server_->routes.match(head.path());
    if (!found) return refuse(response::plain(404), handshake_failure::no_route);
    head.set_parameters(std::move(found.parameters));
    route const& target = **found.target;
    if (target.page && !(target.websocket && head.is_upgrade())) {
      bool const reads = head.method() == "GET" || head.method() == "HEAD";
      if (reads) return answer_page(target.page(head));
      return refuse(response::method_not_allowed("GET, HEAD"), handshake_failure::error, error::http_method);
    }
    if (auto refused = check_upgrade(head, target.options.origins))
      return refuse(refused->answer, handshake_failure::error, refused->error);
    any_check* const check = target.options.before.get();
    if (check != nullptr && check->waits()) return await_check(target, *check);
    if (check != nullptr) {
      if (auto const refused = check->ask(head, found_)) return refuse(*refused, handshake_failure::check);
    }
    accept(target);
  }

  // If the coroutine could not be started, there is none to wait for.
  struct unstarted_check {
    opening* self;
    ~unstarted_check() {
      if (self != nullptr) self->check_.reset();
    }
  };

  // Meanwhile what the peer sends is only kept, so that it cannot get ahead of the decision, and its end is
  // noticed.
  void await_check(route const& target, any_check& check) {
    auto work = check.ask_later(handshake_.request(), found_);
    check_ = std::make_unique<running_check>(target);
    unstarted_check started{this};
    asio::co_spawn(
        executor_, std::move(work),
        asio::bind_cancellation_slot(
            check_->cancellation.slot(), [running = handler_guard(server_), self = shared()](
                                             std::exception_ptr failure, std::optional<response> refusal) {
              if (!try_allocating([&] { self->check_ended(failure, std::move(refusal)); }))
                self->end_without_memory();
            }));
    started.self = nullptr;
    if (check_->has_ended) return;        // at once: some versions of Asio run it inside of co_spawn()
    try_allocating([this] { watch(); });  // otherwise the end of the peer is noticed later
  }

  void check_ended(std::exception_ptr const& failure, std::optional<response> refusal) {
    check_->has_ended = true;
    if (failure && !(ended_ && is_cancellation(failure))) server_->report(failure);
    if (ended_) return;
    check_->threw = static_cast<bool>(failure);
    check_->refusal = failure ? response::plain(500) : std::move(refusal);
    if constexpr (watchable_stream<Stream>) {
      std::error_code ignored;
      if (check_->watching) return void(stream_.cancel(ignored));  // look() follows
    }
    follow_check();
  }

  void follow_check() {
    if (check_->refusal)
      return refuse(*check_->refusal,
                    check_->threw ? handshake_failure::exception : handshake_failure::check);
    or_500([&] { accept(check_->target); });
  }

  void watch() {
    if constexpr (watchable_stream<Stream>) {
      if (handshake_.leftover().size() >= most_read_during_check) return;
      std::error_code ignored;  // a socket that fails here also fails in look()
      stream_.non_blocking(true, ignored);
      stream_.async_wait(asio::socket_base::wait_read, [self = shared()](std::error_code failure) {
        if (!try_allocating([&] { self->look(failure); })) self->end_without_memory();
      });
      check_->watching = true;
    }
  }

  void look(std::error_code failure) requires watchable_stream<Stream> {
    check_->watching = false;
    if (ended_) return;
    if (check_->has_ended) return follow_check();
    if (failure) return end(handshake_failure::lost, failure);
    auto const room = handshake_.prepare(most_read_during_check);
    std::size_t const size = stream_.read_some(asio::mutable_buffer(room.data(), room.size()), failure);
    bool const waits = failure == asio::error::would_block || failure == asio::error::try_again;
    if (failure && !waits) return end(handshake_failure::lost, failure);
    handshake_.commit(size);
    watch();
  }

  void accept(route const& target) {
    route_options const& options = target.options;
    auto const& compression = (options.connection ? *options.connection : server_->connection).compression;
    static request_check const none;
    upgrade_rules const rules{options.origins, none, options.subprotocols, options.headers,
                              compression.get()};
    std::string_view subprotocol;
    if (auto refused = accept_upgrade(handshake_.request(), rules, output_, subprotocol, agreed_))
      return refuse(refused->answer, handshake_failure::error, refused->error);
    accepted_ = true;
    report_.sent(output_);
    asio::async_write(stream_, asio::buffer(output_),
                      [self = shared(), &target, subprotocol](std::error_code failure, std::size_t) {
                        if (failure || self->ended_) return self->end(handshake_failure::lost, failure);
                        self->hand_over(target, subprotocol);
                      });
  }

  // For pages too: what a server shows to this machine is not for web pages from elsewhere.
  bool refuse_other_host(request const& head) {
    host_options local;
    local.local = local_;
    host_options const& hosts = server_->hosts.allowed.empty() && local_ ? local : server_->hosts;
    auto const wrong = check_host(head, hosts);
    if (!wrong) return false;
    refuse(answer_to_other_host(hosts), handshake_failure::error, wrong);
    return true;
  }

  void hand_over(route const& target, std::string_view subprotocol) {
    deadline_.cancel();
    ended_ = true;
    if (seat_) seat_->opened();
    std::shared_ptr<connection> result;
    bool const made = try_allocating([&] {
      result = make_connection(target);
      if (!result) return;
      result->set_head(kept_head(handshake_.request(), subprotocol, agreed_.terms));
      result->set_extension(std::move(agreed_.extension));
      if (server_->observer) {
        result->observe(server_->observer, {.remote = report_.remote(),
                                            .target = std::string(handshake_.request().target()),
                                            .route = target.pattern});
        report_.settle();
      }
      if (queue_account* const queues = server_->limits ? server_->limits->queues() : nullptr)
        result->count_queue({server_, queues});
      server_->members->enrol(result, seat_);
      result->start(handshake_.leftover());
      if (stopped_) result->stop(*stopped_);
    });
    if (!result) {
      report_.failed(handshake_failure::lost, 0, made ? std::error_code{} : no_memory(), target_of_request());
      return close_any(stream_);
    }
    if (!made) {
      report_.failed(handshake_failure::error, 0, no_memory(), target_of_request());  // unless it was opened
      return result->handler_finished(close_code::internal_error);
    }
    try {
      target.websocket(result, server_, std::move(found_));
    } catch (...) {
      server_->report(std::current_exception());
      result->handler_finished(close_code::internal_error);
    }
  }

  std::shared_ptr<connection> make_connection(route const& target) {
    // Shares ownership of the server's state, which owns the routes.
    auto const& own = target.options.connection;
    std::shared_ptr<connection_options const> options(server_, own ? &*own : &server_->connection);
    return connection_of(stream_, executor_, one_thread_, std::move(options));
  }

  void answer_page(response const& what) {
    answer(what);
    report_.settle();
  }

  // `why` is the rule that was broken, if there is one.
  void refuse(response const& what, handshake_failure reason, std::error_code why = {}) {
    answer(what);
    // One that cannot be written has become another.
    bool const written = output_.compare(9, 3, std::to_string(what.status)) == 0;
    report_.failed(reason, written ? what.status : 500, why, target_of_request());
  }

  std::string_view target_of_request() noexcept {
    bool const there = handshake_.status() == handshake_status::ready;
    return there ? handshake_.request().target() : std::string_view{};
  }

  // RFC 9112 §9.6: our side is closed first, and what the client still sends is read and dropped, so that no
  // reset overtakes the answer.
  void answer(response const& what) {
    bool const to_head =
        handshake_.status() == handshake_status::ready && handshake_.request().method() == "HEAD";
    // What was about to be sent has not been, if this is because it could not.
    output_.clear();
    accepted_ = false;
    kindwire::detail::write_any_response(what, output_, to_head);
    report_.sent(output_);
    send_last(stream_);
  }

  // Writes the output, and ends the stream, or what is below it.
  template <class Below>
  void send_last(Below& to) {
    asio::async_write(to, asio::buffer(output_),
                      [self = shared(), &to](std::error_code failure, std::size_t) {
                        if (failure || self->ended_) return self->end(handshake_failure::lost);
                        shutdown_any(to);
                        bool const draining = try_allocating([&] {
                          self->expect_end(self->short_term());
                          self->drain(to, kindwire::detail::drained_size);
                        });
                        if (!draining) self->end_without_memory();
                      });
  }

  // A peer that keeps sending is cut off after as much as it may have had in flight, or a while.
  template <class Below>
  void drain(Below& from, std::size_t most) {
    from.async_read_some(asio::buffer(dropped_),
                         [self = shared(), &from, most](std::error_code failure, std::size_t size) {
                           if (failure || self->ended_ || size >= most)
                             return self->end(handshake_failure::lost);
                           self->drain(from, most - size);
                         });
  }

  void end_without_memory() { end(handshake_failure::error, no_memory()); }

  // Nothing is reported if an answer has been given.
  void end(handshake_failure reason, std::error_code why = {}) {
    if (std::exchange(ended_, true)) return;
    report_.failed(reason, 0, why, target_of_request());
    deadline_.cancel();
    close_any(stream_);
    // A check that does not end now still counts: it holds this.
    if (check_ && !check_->has_ended) {
      try_allocating([this] { check_->cancellation.emit(asio::cancellation_type::terminal); });
    } else {
      seat_.reset();
    }
    leave();
  }

  asio::any_io_executor executor_;
  Stream stream_;
  std::shared_ptr<server_state const> server_;
  server_handshake handshake_;
  agreed_extension agreed_;
  deadline deadline_;
  std::string output_;
  std::array<std::byte, 512> dropped_;
  std::shared_ptr<admission_seat> seat_;     // null if the server has no limits
  std::unique_ptr<response const> refusal_;  // the answer, if it is over a limit
  handshake_report report_{role::server};
  found_value found_;
  std::unique_ptr<running_check> check_;
  bool local_;
  bool one_thread_ = false;  // asked at the start: the server's contexts may be gone before this
  bool accepted_ = false;
  std::optional<close_code> stopped_;  // after it was accepted
  bool ended_ = false;                 // the stream is closed, or handed over
};

}  // namespace kindwire::net::detail
