// The client's side of a stream until it is a websocket, or the handshake has failed.
#pragma once

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../handshake/client.hpp"
#include "../../handshake/grammar.hpp"
#include "../../handshake/uri.hpp"
#include "../async_stream.hpp"
#include "../connect_options.hpp"
#include "../connecting/hooks.hpp"
#include "../websocket.hpp"
#include "deadline.hpp"
#include "handshake_report.hpp"
#include "operation.hpp"
#include "stream_transport.hpp"
#include "tls_failure.hpp"
#include "try_allocating.hpp"

namespace kindwire::net::detail {

// Adds to the request what is only known when it is made.
inline std::error_code complete_request(uri const& to, connect_options& options) {
  auto const find = [&](std::string_view name) {
    return std::find_if(options.headers.begin(), options.headers.end(), [name](auto const& field) {
      return kindwire::detail::equal_ignoring_case(field.first, name);
    });
  };
  if (options.authorize) {
    std::string value;
    if (auto const failure = run_hook([&] { value = options.authorize(); })) return failure;
    auto& all = options.headers;
    if (auto const own = find("Authorization"); own == all.end()) {
      if (!value.empty()) all.emplace_back("Authorization", std::move(value));
    } else if (!value.empty()) {
      auto const name = own->first;
      own->second = std::move(value);
      all.erase(std::remove_if(own + 1, all.end(),
                               [&](auto const& each) {
                                 return kindwire::detail::equal_ignoring_case(each.first, name);
                               }),
                all.end());
    }
  }
  if (options.cookies) {
    // RFC 6265 §5.4: not more than one field.
    auto const own = find("Cookie");
    bool const alone = own == options.headers.end();
    std::string offered = options.cookies->offer(to, alone ? std::string_view{} : own->second);
    if (!offered.empty() && alone) {
      options.headers.emplace_back("Cookie", std::move(offered));
    } else if (!offered.empty()) {
      own->second.append("; ").append(offered);
    }
  }
  return {};
}

template <class Stream>
class client_opening : public std::enable_shared_from_this<client_opening<Stream>> {
 public:
  client_opening(Stream stream, uri const& to, connect_options options, opened_operation done)
      : stream_(std::move(stream)),
        deadline_(stream_.get_executor()),
        options_(std::move(options)),
        not_asked_(complete_request(to, options_)),
        handshake_(to, options_.handshake()),
        done_(std::move(done)) {
    report_.begin(options_.observer, stream_);
    if (options_.observer) target_ = to.target;
    if (options_.cookies) to_ = to;
  }

  void start() {
    if (!done_) return;  // cancelled before
    if (not_asked_) return end(not_asked_);
    if (handshake_.error()) return end(handshake_.error());
    begun_ = clock::now();
    or_end([this] {
      end_within(options_.handshake_timeout);
      write();
    });
  }

  void cancel(std::error_code why) {
    if (done_) end(why);
  }

 private:
  using clock = std::chrono::steady_clock;

  // Without memory it has failed; unless it is the application's handler that throws.
  template <class Work>
  void or_end(Work work) {
    try {
      work();
    } catch (std::bad_alloc const&) {
      if (!done_) throw;
      end(no_memory());
    }
  }

  void end_within(std::chrono::milliseconds term) {
    deadline_.start(term, this->weak_from_this(), [](client_opening& self) {
      self.handshake_.end_of_input(error::handshake_timeout);
      self.cancel(self.verdict());
    });
  }

  void write() {
    auto const bytes = handshake_.output();
    report_.sent({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
    asio::async_write(stream_, asio::const_buffer(bytes.data(), bytes.size()),
                      [self = this->shared_from_this()](std::error_code failure, std::size_t size) {
                        if (!self->done_) return;
                        self->handshake_.consume(size);
                        // A server that refuses before it has read the whole request may be gone, but its
                        // answer can still be read.
                        self->write_failed_ = failure;
                        self->or_end([&] {
                          if (failure) self->hurry();
                          self->read();
                        });
                      });
  }

  void read() {
    std::span<std::byte> room;
    if (!try_allocating([&] { room = handshake_.prepare(1024); })) return stop_reading(no_memory());
    stream_.async_read_some(asio::mutable_buffer(room.data(), room.size()),
                            [self = this->shared_from_this()](std::error_code failure, std::size_t size) {
                              if (!self->done_) return;
                              // If that runs out of memory, the handshake has failed and reports it.
                              try_allocating([&] { self->handshake_.commit(size); });
                              self->or_end([&] { failure ? self->stop_reading(failure) : self->go_on(); });
                            });
  }

  void stop_reading(std::error_code why) {
    if (why == asio::error::eof) why = error::connection_lost;
    handshake_.end_of_input(why);
    go_on();
  }

  void go_on() {
    switch (handshake_.status()) {
      case handshake_status::reading:
        if (handshake_.is_refused()) hurry();
        return read();
      case handshake_status::failed: return end(verdict());
      case handshake_status::ready: return write_failed_ ? end(write_failed_) : open();
    }
  }

  // If the request was not written in full, only a refusal counts as an answer; with TLS 1.3 a server refuses
  // our certificate after the client's part of that handshake is done.
  std::error_code verdict() const noexcept {
    bool const says_more = handshake_.is_refused() || is_of_tls(handshake_.error());
    return write_failed_ && !says_more ? write_failed_ : handshake_.error();
  }

  // What may still arrive is not worth the whole handshake_timeout.
  void hurry() {
    if (std::exchange(hurries_, true)) return;
    auto const passed = std::chrono::floor<std::chrono::milliseconds>(clock::now() - begun_);
    auto const left = options_.handshake_timeout - (std::min)(passed, options_.handshake_timeout);
    // If none is left, the loop was held up and gets another term: see deadline.
    end_within(left.count() > 0 ? (std::min)(left, options_.body_timeout) : options_.body_timeout);
  }

  void take_answer() noexcept {
    response const& answer = handshake_.answer();
    if (answer.status != 0) report_.received(answer);
    if (options_.cookies) try_allocating([&] { options_.cookies->store(to_, answer.headers); });
  }

  void open() {
    deadline_.cancel();
    take_answer();
    std::shared_ptr<stream_connection<Stream>> opened;
    bool const made = try_allocating([&] {
      opened = std::make_shared<stream_connection<Stream>>(
          role::client, std::make_shared<connection_options const>(options_.connection), std::move(stream_));
      opened->set_head(kept_head(handshake_.subprotocol(), handshake_.agreed().terms));
      opened->set_extension(std::move(handshake_.agreed().extension));
      if (options_.observer) {
        opened->observe(options_.observer, {.remote = report_.remote(), .target = std::move(target_)});
        report_.settle();
      }
      opened->start(handshake_.leftover());
    });
    if (!made && opened) {
      report_.failed(handshake_failure::error, 0, no_memory(), target_);  // unless it was opened
      if (options_.failure != nullptr)
        try_allocating([&] { *options_.failure = {connect_phase::handshake, no_memory()}; });
      return done_.post_or_complete(no_memory(), websocket{});
    }
    if (!made) return end(no_memory());
    done_.complete({}, websocket_access::make(opened));
  }

  void end(std::error_code why) {
    deadline_.cancel();
    close_any(stream_);
    response const& answer = handshake_.answer();
    take_answer();
    report_.failed(failure_reason(why), answer.status, why, target_);
    if (options_.refusal != nullptr && (answer.status != 0 || !answer.body.empty()))
      try_allocating([&] { *options_.refusal = answer; });
    if (options_.failure != nullptr) {
      bool const asked = begun_ != clock::time_point{};
      auto const phase = !asked                            ? connect_phase::uri
                         : why == error::handshake_refused ? connect_phase::refusal
                         : is_of_tls(why)                  ? connect_phase::tls
                                                           : connect_phase::handshake;
      try_allocating([&] { *options_.failure = {phase, why, why.message(), answer}; });
    }
    done_.post_or_complete(why, websocket{});
  }

  Stream stream_;
  deadline deadline_;
  connect_options options_;
  std::error_code not_asked_;
  client_handshake handshake_;
  opened_operation done_;
  clock::time_point begun_;
  std::error_code write_failed_;
  handshake_report report_{role::client};
  std::string target_;  // for the observer
  uri to_;              // for the cookies
  bool hurries_ = false;
};

// Starts one, over a connected stream, for an owner of any streams; what it returns keeps nothing alive.
template <class Stream>
stop_function start_stoppable_opening(Stream stream, uri const& to, connect_options options,
                                      opened_operation done) {
  auto const started =
      std::make_shared<client_opening<Stream>>(std::move(stream), to, std::move(options), std::move(done));
  // First: what has started may be over already, and its owner told.
  stop_function stop = [weak = std::weak_ptr(started)](std::error_code why) {
    if (auto const there = weak.lock()) there->cancel(why);
  };
  started->start();
  return stop;
}

}  // namespace kindwire::net::detail
