// A client's talk with a proxy, until the stream leads to the server.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../error.hpp"
#include "../../handshake/head.hpp"
#include "../../handshake/response.hpp"
#include "../connection/deadline.hpp"
#include "../connection/try_allocating.hpp"
#include "../secure_layer.hpp"

namespace kindwire::net::detail {

inline asio::ip::tcp::socket& talk_over(asio::ip::tcp::socket& stream) noexcept { return stream; }
inline secure_stream& talk_over(std::unique_ptr<secure_stream>& stream) noexcept { return *stream; }

// Drives a tunnel_handshake or a socks5_handshake. `done` is called once by a handler of the executor, with
// the stream if that leads to the server now, unless cancel() comes first. It may hold what holds this
// weakly. Made by std::make_shared; used on its executor only.
template <class Stream, class Handshake>
class proxy_talk : public std::enable_shared_from_this<proxy_talk<Stream, Handshake>> {
 public:
  using done_handler = std::function<void(std::error_code, Stream, response const&)>;

  proxy_talk(asio::any_io_executor const& executor, Stream stream, Handshake handshake,
             std::chrono::milliseconds body_timeout, done_handler done)
      : stream_(std::move(stream)),
        handshake_(std::move(handshake)),
        body_deadline_(executor),
        body_timeout_(body_timeout),
        done_(std::move(done)) {}

  void start() { go_on(); }

  // Ends the talk; `done` is dropped, and the stream closed.
  void cancel() {
    body_deadline_.cancel();
    done_ = nullptr;
    Stream const last = std::move(stream_);
  }

 private:
  void go_on() {
    switch (handshake_.status()) {
      case handshake_status::failed: return finish(handshake_.error());
      case handshake_status::ready: return finish({});
      case handshake_status::reading: break;
    }
    if (handshake_.is_refused() && !std::exchange(refused_, true)) {
      // A body only explains: it is not worth the whole time.
      body_deadline_.start(body_timeout_, this->weak_from_this(), [](proxy_talk& self) {
        self.handshake_.end_of_input(error::handshake_timeout);
        self.go_on();
      });
    }
    auto const output = handshake_.output();
    output.empty() ? read() : write(asio::const_buffer(output.data(), output.size()));
  }

  void write(asio::const_buffer output) {
    talk_over(stream_).async_write_some(
        output, [self = this->shared_from_this()](std::error_code failure, std::size_t size) {
          self->handshake_.consume(size);
          self->came(failure, {});
        });
  }

  void read() {
    auto const room = asio::buffer(room_, (std::min)(handshake_.wanted(), room_.size()));
    talk_over(stream_).async_read_some(
        room, [self = this->shared_from_this()](std::error_code failure, std::size_t size) {
          self->came(failure, {self->room_.data(), size});
        });
  }

  void came(std::error_code failure, std::string_view bytes) {
    if (!done_) return;
    bool const enough = try_allocating([&] {
      handshake_.commit(bytes);
      if (failure == asio::error::eof) failure = error::connection_lost;
      if (failure) handshake_.end_of_input(failure);
      go_on();
    });
    if (!enough) finish(no_memory());
  }

  void finish(std::error_code outcome) {
    body_deadline_.cancel();
    auto const done = std::exchange(done_, nullptr);
    if (done) done(outcome, std::move(stream_), handshake_.answer());
  }

  Stream stream_;
  Handshake handshake_;
  deadline body_deadline_;
  std::chrono::milliseconds body_timeout_;
  done_handler done_;
  std::array<char, 1024> room_;
  bool refused_ = false;
};

}  // namespace kindwire::net::detail
