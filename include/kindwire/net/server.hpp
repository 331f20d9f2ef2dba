// A server: routes to pages and websockets, over TCP, Unix sockets or any stream handed to it.
//
//     kw::net::server server{{.port = 8080}};
//     server.websocket("/upload/{user}", upload);
//     server.get("/", kw::net::html(page));
//     server.run();
#pragma once

#include "requirements.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/execution/context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "../handshake/host.hpp"
#include "../handshake/origin.hpp"
#include "../handshake/response.hpp"
#include "../message/close.hpp"
#include "../session/deadline.hpp"
#include "connection/handler_call.hpp"
#include "connection/listener.hpp"
#include "connection/opening.hpp"
#include "connection/operation.hpp"
#include "connection/running_handler.hpp"
#include "connection/shared_port.hpp"
#include "connection/shutdown.hpp"
#include "connection/thread_contexts.hpp"
#include "route_options.hpp"
#include "server_limits.hpp"
#include "server_options.hpp"
#include "websocket.hpp"

namespace kindwire::net {

/// A page for server::get(): HTML in UTF-8.
inline response html(std::string page) { return response::html(std::move(page)); }

/// A websocket handler: a coroutine that takes one by reference and returns when it is done with it, or a
/// coroutine or function that takes one by value and owns it. A second parameter takes what
/// route_options::before has found; it cannot be that of a generic lambda.
template <class Handler>
concept websocket_handler = detail::is_borrowing_coroutine<Handler> || detail::is_owning_coroutine<Handler> ||
    detail::is_owning_function<Handler>;

/// Serves HTTP pages and websockets: add routes, then start(). The destructor calls stop() without waiting.
///
/// A request for an unknown path is answered with 404, for a websocket's path without an upgrade with 426,
/// with another method with 405, a malformed one with 400, 414 or 431; each with `Connection: close`.
///
/// Made from options alone, it has its own contexts and threads: see run(). Made with a context or an
/// executor, it works on that, and run() is not for it.
///
/// Thread safety: stop(), shutdown(), refused() and counted() from any thread; the rest from one. Routes are
/// added before start().
class server {
 public:
  /// One that runs itself. Throws std::system_error for options that are invalid.
  explicit server(server_options options = {})
      : contexts_(std::make_unique<detail::thread_contexts>(options.threads)),
        executor_((*contexts_)[0].get_executor()),
        options_(std::move(options)) {
    set_up();
  }

  template <class Executor>
  requires(!std::same_as<std::remove_cvref_t<Executor>, server> &&
           std::convertible_to<Executor, asio::any_io_executor>) explicit server(Executor&& executor,
                                                                                 server_options options = {})
      : executor_(std::forward<Executor>(executor)), options_(std::move(options)) {
    set_up();
  }

  /// The same with an execution context, such as asio::io_context.
  template <class Context>
  requires(!std::same_as<std::remove_cv_t<Context>, server>) && requires(Context& context) {
    { context.get_executor() } -> std::convertible_to<asio::any_io_executor>;
  }
  explicit server(Context& context, server_options options = {})
      : server(asio::any_io_executor(context.get_executor()), std::move(options)) {}

  server(server const&) = delete;
  server& operator=(server const&) = delete;
  ~server() {
    try {
      stop();
    } catch (std::exception const&) {
      // Members that could not be told for lack of memory go on until their context ends.
    }
  }

  /// Calls `handler` for each websocket opened on `pattern`, a path in which `{name}` stands for a segment:
  /// see request::parameter().
  ///
  /// A handler that takes `websocket&` and returns asio::awaitable<void> runs as a coroutine on the
  /// connection's executor. When it returns, the connection is closed with 1000. A handler that takes
  /// `websocket`, coroutine or not, owns it. If a handler of any form throws, the connection is closed with
  /// 1011.
  ///
  /// Throws std::system_error with error::invalid_argument for a bad pattern, one already in use, an origin
  /// that no page can have (see origin_problem()), and a handler with a second parameter of another type than
  /// `before` finds.
  template <websocket_handler Handler>
  void websocket(std::string_view pattern, Handler handler, route_options options = {}) {
    for (std::string const& each : options.origins.allowed) {
      if (auto const problem = origin_problem(each); !problem.empty())
        throw std::system_error(error::invalid_argument, problem);
    }
    if (!options.before.finds<detail::wanted_by<Handler>>())
      throw std::system_error(error::invalid_argument, "before does not find what the handler takes");
    detail::route& target = at(pattern);
    if (target.websocket) throw std::system_error(error::invalid_argument, std::string(pattern));
    target.options = std::move(options);
    target.websocket = [handler = std::make_shared<Handler>(std::move(handler))](auto opened, auto of,
                                                                                 auto found) {
      detail::run_handler(*handler, std::move(opened), std::move(of), std::move(found));
    };
  }

  template <class Handler>
  requires(!websocket_handler<Handler>) KINDWIRE_REFUSED(
      "kindwire: a websocket handler is a coroutine that takes a kindwire::net::websocket by "
      "reference and returns asio::awaitable<void>, or a function or coroutine that takes one by "
      "value and owns it; a second parameter is of the type that route_options::before finds")
  void websocket(std::string_view pattern, Handler handler, route_options options = {});

  /// Serves a page on `pattern`: a response, or a function that makes one from the request.
  template <class Page>
  requires std::convertible_to<Page, response> || std::is_invocable_r_v<response, Page&, request const&>
  void get(std::string_view pattern, Page page) {
    detail::route& target = at(pattern);
    if (target.page) throw std::system_error(error::invalid_argument, std::string(pattern));
    if constexpr (std::convertible_to<Page, response>) {
      target.page = [page = response(std::move(page))](request const&) { return page; };
    } else {
      target.page = std::move(page);
    }
  }

  /// Listens on the address and port of the options. Throws std::system_error.
  void start() { start(stops()); }

  /// Accepts from an acceptor of your own, such as one of asio::local::stream_protocol. May replace start().
  /// If its executor is get_executor() of a server that runs itself, all threads serve its connections.
  template <class Acceptor>
  void listen(Acceptor acceptor) {
    auto const where = placement_of(acceptor);
    listen(std::move(acceptor), where, stops());
  }

  /// Where the server listens; its handlers run on the executors of their connections. On a server that runs
  /// itself, the executor of the thread that calls run().
  asio::any_io_executor const& get_executor() const noexcept { return executor_; }

  /// Serves one connected stream, accepted elsewhere: TLS after its own handshake, a socket pair, a test.
  /// After stop() it is closed at once. It counts against server_options::limits.
  template <async_stream Stream>
  void serve(Stream stream) {
    auto const executor = stream.get_executor();
    detail::handshake_report turned_away(role::server);
    auto const fresh = detail::opening<Stream>::begin(std::move(stream), state_, false, turned_away);
    turned_away.failed(handshake_failure::limit, 0, {}, {});
    if (fresh) asio::post(executor, [fresh] { fresh->start(); });
  }

  /// The port that start() listens on.
  std::uint16_t port() const noexcept { return port_; }

  /// How many connections were refused so far, by the limit that was reached.
  refused_connections refused() const {
    return state_->limits ? state_->limits->refused() : refused_connections{};
  }
  /// What counts against the limits now; nothing if none is set.
  counted_connections counted() const {
    return state_->limits ? state_->limits->counted() : counted_connections{};
  }

  /// Stops accepting and closes each websocket with 1001. The port is free when this returns, and start() may
  /// follow at once. The context's run(), or the server's, returns once the websockets, within close_timeout,
  /// and their handlers have ended.
  void stop() { stop(close_code::going_away, (clock::time_point::max)()); }

  /// The same with a code of your own, and waits until everything has ended: handshakes, which are cut, and
  /// websockets with their handlers. Accepting stops within the call; the Closes are sent when the context
  /// runs.
  ///
  /// Whatever has not ended by the deadline is cut: its stream is closed, and a receive or send in a handler
  /// ends with error::close_timeout. A handler that does not return within another second is no longer waited
  /// for. With milliseconds::max() nothing is cut. The server may be destroyed meanwhile, and started again
  /// once this has completed. Called in one of the server's own handlers, it waits for itself. On a server
  /// that runs itself it completes while run() is under way, and the server may be destroyed once run() has
  /// returned.
  ///
  /// The token's signature is `void(std::error_code)`. No error: everything ended by itself. Errors:
  /// error::close_timeout if something was cut; error::invalid_argument, with nothing done, for a code that
  /// no Close may carry. Concurrent calls each wait for everything; the first code and the earliest deadline
  /// count. Cancellation (any type) ends the wait, and nothing is cut; the server stays stopped.
  template <asio::completion_token_for<void(std::error_code)> Token>
  auto shutdown(close_code code, std::chrono::milliseconds deadline, Token&& token) {
    auto const wrong = check_close(code, {});
    auto const at = kindwire::detail::time_after(clock::now(), deadline);
    if (!wrong) stop(code, at);
    return asio::async_initiate<Token, void(std::error_code)>(
        [executor = executor_, members = state_->members, at, wrong](auto handler) {
          auto slot = asio::get_associated_cancellation_slot(handler);
          detail::tracked_operation<std::error_code> done(std::move(handler), executor);
          if (wrong) return done.post(wrong);
          auto const waiting = std::make_shared<detail::shutdown>(executor, members, std::move(done));
          detail::on_cancellation(slot, waiting, [](detail::shutdown& of) { of.cancel(); });
          waiting->start(at);
        },
        token);
  }
  /// The same as an awaitable.
  asio::awaitable<void> shutdown(close_code code = close_code::going_away,
                                 std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
    return shutdown(code, deadline, asio::use_awaitable);
  }

  /// Serves until stop(), shutdown() or a signal, and until everything has ended: websockets, within
  /// close_timeout or by the deadline, and their handlers. Calls start() first, unless start() or listen()
  /// was called. The calling thread is one of `server_options::threads`. What else was given to
  /// get_executor() is not waited for longer than a second.
  ///
  /// If stop() was called before, it returns at once. Throws what left a handler given to Asio by the
  /// application, after all threads have ended, and std::system_error: what start() throws;
  /// error::invalid_argument for a server made with a context; error::operation_in_progress.
  void run() {
    if (!contexts_)
      throw std::system_error(error::invalid_argument, "run: the server works on a context of yours");
    unsigned const before = stops();
    if (is_new()) start(before);
    std::function<void()> on_signal;
    if (options_.handle_signals) {
      on_signal = [this] {
        shutdown(close_code::going_away, options_.shutdown_timeout, [](std::error_code) {});
      };
    }
    contexts_->run(std::move(on_signal));
    std::lock_guard const lock(mutex_);
    stopped_ = false;
  }

 private:
  using clock = detail::shutdown::clock;

  void set_up() {
    state_->head = options_.head;
    for (std::string const& each : options_.hosts.allowed) {
      if (auto const problem = host_problem(each); !problem.empty())
        throw std::system_error(error::invalid_argument, problem);
    }
    state_->hosts = options_.hosts;
    state_->connection = options_.connection;
    state_->handshake_timeout = options_.handshake_timeout;
    state_->one_thread = !contexts_ && !options_.strands;
    state_->contexts = contexts_.get();
    state_->on_exception = options_.on_exception;
    state_->observer = options_.observer;
    if (options_.limits.any()) state_->limits = std::make_unique<detail::admission>(options_.limits);
  }

  // How often it was stopped.
  unsigned stops() {
    std::lock_guard const lock(mutex_);
    return stops_;
  }
  // Neither started nor stopped since it was made or run.
  bool is_new() {
    std::lock_guard const lock(mutex_);
    return listeners_.empty() && !stopped_;
  }

  // Unless it was stopped since there were `stops`: from another thread, say, that the stop must not be lost
  // on.
  void start(unsigned stops) {
    using asio::ip::tcp;
    tcp::endpoint const at(asio::ip::make_address(options_.address), options_.port);
    if constexpr (detail::can_share_port) {
      if (contexts_ && contexts_->size() > 1) {
        auto all = detail::share_port(*contexts_, at);
        port_ = all.front().local_endpoint().port();
        for (auto& each : all) listen(std::move(each), detail::placement(false), stops);
        return;
      }
    }
    tcp::acceptor acceptor(executor_, at, detail::reuses_address);
    port_ = acceptor.local_endpoint().port();
    auto const where = placement_of(acceptor);
    listen(std::move(acceptor), where, stops);
  }

  // On its own executor, or on all threads of a server that runs itself.
  template <class Acceptor>
  detail::placement placement_of(Acceptor& acceptor) {
    bool const ours =
        contexts_ && contexts_->has(asio::query(acceptor.get_executor(), asio::execution::context));
    return ours ? detail::placement(*contexts_) : detail::placement(options_.strands);
  }

  template <class Acceptor>
  void listen(Acceptor acceptor, detail::placement where, unsigned stops) {
    auto const fresh =
        std::make_shared<detail::acceptor_listener<Acceptor>>(std::move(acceptor), state_, where);
    {
      std::lock_guard const lock(mutex_);
      if (stops_ != stops) return fresh->stop();
      state_->members->open();
      listeners_.push_back(fresh);
      stopped_ = false;
      keep_running();
    }
    fresh->start();
  }

  void stop(close_code code, clock::time_point deadline) {
    std::vector<std::shared_ptr<detail::listener>> all;
    unsigned openings = 0;
    {
      std::lock_guard const lock(mutex_);
      all.swap(listeners_);
      stopped_ = true;
      ++stops_;
      openings = state_->members->openings();
    }
    for (auto const& each : all) each->stop();
    // Outside of the lock: it may end a handler, which may own anything.
    state_->members->stop(code, openings);
    if (contexts_) end_run(deadline);
  }

  // Has run() return once nothing is left, or at the deadline, unless the server is started again before.
  void end_run(clock::time_point deadline) {
    detail::tracked_operation<std::error_code> done(
        [this](std::error_code outcome) {  // called by run() alone
          std::lock_guard const lock(mutex_);
          if (outcome != asio::error::operation_aborted && stopped_) contexts_->finish();
        },
        executor_);
    auto const waiting = std::make_shared<detail::shutdown>(executor_, state_->members, std::move(done));
    std::lock_guard const lock(mutex_);
    if (!stopped_) return;  // started again meanwhile
    ends_of_run_.push_back(waiting);
    waiting->start(deadline);
  }

  // Call with the mutex locked.
  void keep_running() {
    for (auto const& each : ends_of_run_) {
      if (auto const there = each.lock()) there->cancel();
    }
    ends_of_run_.clear();
  }

  detail::route& at(std::string_view pattern) {
    for (auto const& [known, target] : patterns_) {
      if (known == pattern) return *target;
    }
    auto fresh = std::make_shared<detail::route>();
    fresh->pattern = pattern;
    if (auto const wrong = state_->routes.add(pattern, fresh))
      throw std::system_error(wrong, std::string(pattern));
    patterns_.emplace_back(pattern, fresh);
    return *fresh;
  }

  std::unique_ptr<detail::thread_contexts>
      contexts_;  // of a server that runs itself; outlives what lives on them
  asio::any_io_executor executor_;
  server_options options_;
  std::shared_ptr<detail::server_state> state_ = std::make_shared<detail::server_state>();
  std::vector<std::pair<std::string, std::shared_ptr<detail::route>>> patterns_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<detail::listener>> listeners_;
  std::vector<std::weak_ptr<detail::shutdown>> ends_of_run_;
  unsigned stops_ = 0;
  bool stopped_ = false;  // since it was last started or run
  std::uint16_t port_ = 0;
};

}  // namespace kindwire::net
