// The server's side of one accepted stream until it is a websocket, or was answered otherwise.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../../handshake/host.hpp"
#include "../../handshake/negotiator.hpp"
#include "../../handshake/origin.hpp"
#include "../../handshake/request.hpp"
#include "../../handshake/response.hpp"
#include "../../handshake/router.hpp"
#include "../../handshake/server.hpp"
#include "../../handshake/upgrade.hpp"
#include "../async_stream.hpp"
#include "../epoll/epoll_transport.hpp"
#include "../epoll/shared_epoll_set.hpp"
#include "../options.hpp"
#include "connection.hpp"
#include "deadline.hpp"
#include "kept_head.hpp"
#include "roster.hpp"
#include "stream_transport.hpp"
#include "target_of.hpp"
#include "thread_contexts.hpp"
#include "try_allocating.hpp"

namespace kindwire::net {

/// The options of one WebSocket route of a server.
struct route_options {
  std::vector<std::string> subprotocols = {};  ///< supported, in our order of preference (RFC 6455 §1.9)
  origin_options origins = {};  ///< which pages may connect: same origin unless listed (§10.2)
  /// Checks the request, its headers and parameters before it is accepted; a returned response refuses it.
  /// Runs for every upgrade of the route. An exception is answered with 500, without its text.
  request_check before = {};
  header_list headers = {};                           ///< further header fields of the 101, such as cookies
  std::optional<connection_options> connection = {};  ///< in place of the server's
};

namespace detail {

struct server_state;

// One path of a server: a page, a websocket, or both.
struct route {
  std::function<response(request const&)> page;
  std::function<void(std::shared_ptr<connection>, std::shared_ptr<server_state const>)> websocket;
  route_options options;
};

// What all connections of a server share. The routes do not change once it has started.
struct server_state {
  router<std::shared_ptr<route>> routes;
  head_limits head;
  host_options hosts;
  connection_options connection;
  std::chrono::milliseconds handshake_timeout{};
  bool one_thread = false;
  thread_contexts const* contexts = nullptr;  // of a server that runs itself
  std::function<void(std::exception_ptr)> on_exception;
  std::shared_ptr<roster> members = std::make_shared<roster>();

  bool runs_on_one_thread(asio::execution_context const& context) const noexcept {
    return one_thread || (contexts != nullptr && contexts->has(context));
  }

  void report(std::exception_ptr failure) const noexcept {
    try {
      if (on_exception) on_exception(std::move(failure));
    } catch (...) {
      // There is nobody left to tell.
    }
  }
};

// Marks the handler of a websocket as running, so that a shutdown waits for it.
class handler_guard {
 public:
  explicit handler_guard(std::shared_ptr<server_state const> of) noexcept : of_(std::move(of)) {
    of_->members->begin_handler();
  }
  handler_guard(handler_guard&&) noexcept = default;
  handler_guard& operator=(handler_guard&&) = delete;
  ~handler_guard() {
    if (of_) of_->members->end_handler();
  }

  server_state const& server() const noexcept { return *of_; }

 private:
  std::shared_ptr<server_state const> of_;
};

// Reads the request, and answers it. One deadline covers all of it, however slowly the bytes arrive.
template <class Stream>
class opening final : public roster_member {
 public:
  // `local` if its acceptor listens on loopback.
  opening(Stream stream, std::shared_ptr<server_state const> server, bool local)
      : executor_(stream.get_executor()),
        stream_(std::move(stream)),
        server_(std::move(server)),
        handshake_(server_->head),
        deadline_(executor_),
        local_(local) {
    auto const* const io = target_of<asio::io_context::executor_type>(executor_);
    one_thread_ = io != nullptr && server_->runs_on_one_thread(asio::query(*io, asio::execution::context));
  }

  asio::any_io_executor const& get_executor() const noexcept { return executor_; }

  void start() {
    bool const started = try_allocating([&] {
      expect_end(server_->handshake_timeout);
      read();
    });
    if (!started) end();
  }

  // A connection that was accepted already is closed as a websocket.
  void stop(close_code code) override {
    asio::post(executor_, [self = shared(), code] {
      if (!self->accepted_) return self->end();
      self->stopped_ = code;
    });
  }

  void stop_now() override {
    asio::post(executor_, [self = shared()] { self->end(); });
  }

 private:
  std::shared_ptr<opening> shared() { return std::static_pointer_cast<opening>(shared_from_this()); }

  void expect_end(std::chrono::milliseconds term) {
    deadline_.start(term, std::weak_ptr(shared()), [](opening& self) { self.end(); });
  }

  void read() {
    std::span<std::byte> room;
    if (!try_allocating([&] { room = handshake_.prepare(1024); })) return end();
    stream_.async_read_some(asio::mutable_buffer(room.data(), room.size()),
                            [self = shared()](std::error_code failure, std::size_t size) {
                              if (failure || self->ended_) return self->end();
                              // If that runs out of memory, the handshake has failed and reports it.
                              try_allocating([&] { self->handshake_.commit(size); });
                              if (!try_allocating([&] { self->go_on(); })) self->end();
                            });
  }

  void go_on() {
    switch (handshake_.status()) {
      case handshake_status::reading: return read();
      case handshake_status::failed: return answer(handshake_.error_response());
      case handshake_status::ready: break;
    }
    try {
      decide();
    } catch (...) {
      server_->report(std::current_exception());
      answer(response::plain(500));
    }
  }

  void decide() {
    request& head = handshake_.request();
    head.set_remote_endpoint(remote_endpoint_of(stream_));
    if (refuse_other_host(head)) return;
    auto found = server_->routes.match(head.path());
    if (!found) return answer(response::plain(404));
    head.set_parameters(std::move(found.parameters));
    route const& target = **found.target;
    if (target.page && !(target.websocket && head.is_upgrade())) {
      bool const reads = head.method() == "GET" || head.method() == "HEAD";
      return answer(reads ? target.page(head) : response::method_not_allowed("GET, HEAD"));
    }
    route_options const& options = target.options;
    auto const& compression = (options.connection ? *options.connection : server_->connection).compression;
    upgrade_rules const rules{options.origins, options.before, options.subprotocols, options.headers,
                              compression.get()};
    std::string_view subprotocol;
    if (auto refused = answer_upgrade(head, rules, output_, subprotocol, agreed_))
      return answer(refused->answer);
    accepted_ = true;
    asio::async_write(stream_, asio::buffer(output_),
                      [self = shared(), &target, subprotocol](std::error_code failure, std::size_t) {
                        if (failure || self->ended_) return self->end();
                        self->hand_over(target, subprotocol);
                      });
  }

  // For pages too: what a server shows to this machine is not for web pages from elsewhere.
  bool refuse_other_host(request const& head) {
    host_options local;
    local.local = local_;
    host_options const& hosts = server_->hosts.allowed.empty() && local_ ? local : server_->hosts;
    if (!check_host(head, hosts)) return false;
    answer(answer_to_other_host(hosts));
    return true;
  }

  void hand_over(route const& target, std::string_view subprotocol) {
    deadline_.cancel();
    ended_ = true;
    std::shared_ptr<connection> result;
    bool const made = try_allocating([&] {
      result = make_connection(target);
      if (!result) return;
      result->set_head(kept_head(handshake_.request(), subprotocol, agreed_.terms));
      result->set_extension(std::move(agreed_.extension));
      server_->members->enrol(result);
      result->start(handshake_.leftover());
      if (stopped_) result->stop(*stopped_);
    });
    if (!result) return close_any(stream_);
    if (!made) return result->handler_finished(close_code::internal_error);
    try {
      target.websocket(result, server_);
    } catch (...) {
      server_->report(std::current_exception());
      result->handler_finished(close_code::internal_error);
    }
  }

  // Null if the stream is gone: the deadline may have expired in the meantime.
  std::shared_ptr<connection> make_connection(route const& target) {
    // Shares ownership of the server's state, which owns the routes.
    auto const& own = target.options.connection;
    std::shared_ptr<connection_options const> const options(server_, own ? &*own : &server_->connection);
#if defined(KINDWIRE_HAS_EPOLL_SET)
    // A plain socket of an io_context waits in an epoll set of ours instead of Asio's reactor.
    if constexpr (requires(std::error_code failure) {
                    typename Stream::protocol_type;
                    stream_.release(failure);
                  }) {
      auto const* const strand = target_of<shared_epoll_set::strand>(executor_);
      if (one_thread_) {
        auto const* const io = target_of<asio::io_context::executor_type>(executor_);
        if (auto* const set = set_of<epoll_set>(*io))
          return over_epoll(std::make_shared<epoll_connection<epoll_set>>(role::server, options, *set));
      } else if (strand != nullptr) {
        if (auto* const set = set_of<shared_epoll_set>(strand->get_inner_executor()))
          return over_epoll(
              std::make_shared<epoll_connection<shared_epoll_set>>(role::server, options, *set, *strand));
      }
    }
#endif
    return std::make_shared<stream_connection<Stream>>(role::server, options, std::move(stream_));
  }

#if defined(KINDWIRE_HAS_EPOLL_SET)
  // Null if no descriptor is left for it; Asio's reactor needs none.
  template <class Set>
  static Set* set_of(asio::io_context::executor_type const& executor) {
    try {
      return &Set::of(asio::query(executor, asio::execution::context));
    } catch (std::system_error const&) {
      return nullptr;
    }
  }

  template <class Connection>
  std::shared_ptr<connection> over_epoll(std::shared_ptr<Connection> result) {
    std::error_code failure;
    stream_.non_blocking(true, failure);
    auto const socket = stream_.release(failure);
    if (failure) return nullptr;
    result->over().take(socket);
    return result;
  }
#endif

  // RFC 9112 §9.6: our side is closed first, and what the client still sends is read and dropped, so that no
  // reset overtakes the answer.
  void answer(response const& what) {
    bool const to_head =
        handshake_.status() == handshake_status::ready && handshake_.request().method() == "HEAD";
    // What was about to be sent has not been, if this is because it could not.
    output_.clear();
    accepted_ = false;
    kindwire::detail::write_any_response(what, output_, to_head);
    asio::async_write(
        stream_, asio::buffer(output_), [self = shared()](std::error_code failure, std::size_t) {
          if (failure || self->ended_) return self->end();
          shutdown_any(self->stream_);
          bool const draining = try_allocating([&] {
            self->expect_end((std::min)(kindwire::detail::drained_time, self->server_->handshake_timeout));
            self->drain(kindwire::detail::drained_size);
          });
          if (!draining) self->end();
        });
  }

  // A peer that keeps sending is cut off after as much as it may have had in flight, or a while.
  void drain(std::size_t most) {
    stream_.async_read_some(asio::buffer(dropped_),
                            [self = shared(), most](std::error_code failure, std::size_t size) {
                              if (failure || self->ended_ || size >= most) return self->end();
                              self->drain(most - size);
                            });
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    deadline_.cancel();
    close_any(stream_);
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
  bool local_;
  bool one_thread_ = false;  // asked at the start: the server's contexts may be gone before this
  bool accepted_ = false;
  std::optional<close_code> stopped_;  // after it was accepted
  bool ended_ = false;                 // the stream is closed, or handed over
};

}  // namespace detail

}  // namespace kindwire::net
