// An application that receives, sends and closes over one websocket, and its peer, with a fault somewhere.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <kindwire/net/websocket.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "faults.hpp"
#include "test_stream.hpp"

namespace test {

// An application that receives, sends and closes, and the peer that it talks with.
class talk {
 public:
  template <class Stream>
  struct over {};

  template <class Stream>
  talk(over<Stream>, kindwire::role self, fault what, std::size_t at,
       kindwire::net::connection_options const& options)
      : self_(self),
        peer_(self == kindwire::role::server ? kindwire::role::client : kindwire::role::server),
        what_(what),
        turns_(what == fault::none || what == fault::error ? SIZE_MAX : at, [this] { strike(); }) {
    if (what == fault::error) far->fail_at = at;
    far->max_read = 40;
    far->max_write = 50;
    ws = std::make_shared<kindwire::net::basic_websocket<Stream>>(Stream(far), self, options);
    held_ = what == fault::context ? nullptr : ws;
  }
  talk(talk const&) = delete;
  talk& operator=(talk const&) = delete;
  ~talk() {
    far->drop();
    ws.reset();
    held_.reset();
  }

  // The application.

  template <class Use>
  auto tracked(Use use) {
    return asio::bind_cancellation_slot(
        signals_.next(), [mine = counted(handlers), use = std::move(use)](auto... results) mutable {
          mine.complete();
          use(results...);
        });
  }

  void receive() {
    if (!ws->get_executor()) return;  // it is gone
    ws->receive(tracked([this, held = ws](std::error_code error, kindwire::message msg) {
      if (error == asio::error::operation_aborted && what_ == fault::cancel) {
        paused_ = true;
        if (resumes_at_once) resume();
        return;
      }
      if (!error && msg) {
        texts.emplace_back(msg.text());
        if (on_message) on_message(msg);
        return receive();
      }
      ++ends;
      end_error = error;
    }));
  }
  void send(kindwire::opcode type, std::string_view text) {
    if (!ws->get_executor()) return;
    ws->send(type, kindwire::detail::as_bytes(text), tracked([held = ws](std::error_code) {}));
  }
  void close(unsigned code) {
    ws->close(static_cast<kindwire::close_code>(code), "",
              tracked([this, code, late = far->closed, held = ws](std::error_code error) {
                if (error == asio::error::operation_aborted && what_ == fault::cancel) return close(code);
                ++closed;
                if (!late) close_error = error;
              }));
  }

  // A coroutine that echoes. A cancellation loses nothing: it goes on where it was. So does one whose send
  // failed: it may still receive what the peer had to say.
  static asio::awaitable<void> echo(talk& self, std::shared_ptr<kindwire::net::websocket> ws) {
    for (bool open = true; open;) {
      bool receiving = true;
      std::error_code error;
      try {
        kindwire::message const msg = co_await ws->receive();
        open = static_cast<bool>(msg);
        if (open) {
          self.texts.emplace_back(msg.text());
          receiving = false;
          co_await ws->send(msg);  // queued by the call, whatever becomes of the wait
        }
      } catch (std::system_error const& thrown) {
        error = thrown.code();
      }
      bool const cancelled = error == asio::error::operation_aborted && self.what_ == fault::cancel;
      if (cancelled) co_await asio::this_coro::reset_cancellation_state();
      if (error && !cancelled && receiving) {
        open = false;
        self.end_error = error;
      }
    }
    ++self.ends;
  }
  void run_echo() {
    asio::co_spawn(*io, echo(*this, ws), tracked([this](std::exception_ptr failure) {
      if (failure && what_ == fault::cancel) return run_echo();  // it had not begun
      CHECK(!failure);
    }));
  }

  // The peer.

  void push(kindwire::opcode type, std::string_view payload, bool fin = true) {
    far->push_frame(peer_, type, payload, fin);
  }
  void push_close(unsigned code) { far->push_close(peer_, code); }

  // Runs what can run. False once the scenario is over.
  bool settle() {
    if (!turns_.over()) turns_.settle(*io);
    if (paused_) {
      resume();
      turns_.settle(*io);
    }
    return !turns_.over();
  }

  // The last settling. Nothing waits for close_timeout: the peer has ended.
  void run_out() {
    if (!io) return;
    if (what_ == fault::destroy && turns_.acted()) {
      test::settle(*io);
      // It has ended at once, or both Closes had been said, and the peer may read to the end.
      CHECK((far->closed || (far->send_was_shut_down && frames().back().first == kindwire::opcode::close)));
      if (!far->closed) far->end();
    }
    io->restart();
    io->run_for(std::chrono::seconds(4));
    CHECK_MESSAGE(io->stopped(), "something still waits");
  }

  // Lets go of everything; afterwards nothing is left.
  void let_go() {
    held_.reset();
    ws.reset();
    if (!io) return;
    io->restart();
    while (io->poll() != 0) continue;
  }

  bool struck() const { return turns_.acted() || (far->fail_at != 0 && far->operations >= far->fail_at); }
  std::vector<whole_frame> frames() const { return frames_in(far->written(), peer_); }
  kindwire::role self() const { return self_; }

  tally handlers;
  std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>();
  std::shared_ptr<peer> far = std::make_shared<peer>(io->get_executor());
  std::shared_ptr<kindwire::net::websocket> ws;
  std::function<void(kindwire::message const&)> on_message;
  bool resumes_at_once = true;  // receiving, after a cancellation; or when more may have come
  std::vector<std::string> texts;
  int ends = 0;  // how often a receive said that nothing will come any more
  std::optional<std::error_code> end_error;
  int closed = 0;
  std::optional<std::error_code> close_error;

 private:
  void resume() {
    paused_ = false;
    receive();
  }

  void strike() {
    switch (what_) {
      case fault::none:
      case fault::error: break;
      case fault::cancel: signals_.emit(); break;
      case fault::destroy:
        static_cast<kindwire::net::websocket&>(*ws) = kindwire::net::websocket{};
        turns_.end();
        break;
      case fault::context:
        ws.reset();
        turns_.end();
        far->drop();
        io.reset();
        break;
    }
  }

  kindwire::role self_;
  kindwire::role peer_;
  fault what_;
  bool paused_ = false;
  turns turns_;
  signals signals_;
  std::shared_ptr<kindwire::net::websocket> held_;
};

}  // namespace test
