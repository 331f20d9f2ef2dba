// One connection with Redis: commands out, answers in, in their order.
#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "command.hpp"
#include "error.hpp"
#include "options.hpp"
#include "reply.hpp"
#include "stream.hpp"
#include "url.hpp"

namespace kindwire::detail {

class redis_link;

// Called on the link's executor, which is a strand.
class redis_link_owner {
 public:
  virtual void on_open(redis_link& link) = 0;
  // May throw std::bad_alloc, which ends the link.
  virtual void on_reply(redis_link& link, redis_reply& reply) = 0;
  virtual void on_closed(redis_link& link, std::error_code why) noexcept = 0;

 protected:
  ~redis_link_owner() = default;
};

// Used on its executor alone. Every operation that is under way keeps it alive.
class redis_link : public std::enable_shared_from_this<redis_link> {
 public:
  redis_link(asio::any_io_executor const& executor, std::shared_ptr<redis_options const> options,
             std::weak_ptr<redis_link_owner> owner)
      : executor_(executor),
        options_(std::move(options)),
        owner_(std::move(owner)),
        reader_(options_->max_reply),
        timer_(executor) {}

  // AUTH and SELECT are the URL's.
  void open(redis_address const& to, redis_url const& as) {
    if (to.tls && !options_->tls) return end_later(redis_error::no_tls);
    stream_ = to.tls ? options_->tls(executor_) : std::make_unique<plain_redis_stream>(executor_);
    prepare(as);
    timer_.expires_after(options_->connect_timeout);
    timer_.async_wait([self = shared_from_this()](std::error_code failure) {
      if (!failure && !self->is_open_) self->end(std::make_error_code(std::errc::timed_out));
    });
    stream_->connect(to, [self = shared_from_this()](std::error_code failure) {
      if (failure || self->is_closed_) return self->end(failure);
      self->guard([&] {
        self->read();
        self->write();
        if (self->greetings_ == 0) self->opened();
      });
    });
  }

  void send(std::initializer_list<std::string_view> words) { send(std::span(words.begin(), words.size())); }
  // May throw std::bad_alloc, with nothing sent. What is sent in one turn goes out together.
  void send(std::span<std::string_view const> words) {
    if (is_closed_) return;
    append_redis_command(out_, words);
    if (std::exchange(is_awake_, true)) return;
    asio::post(executor_, [self = shared_from_this()] { self->guard([&] { self->write(); }); });
  }

  // The owner is called no more.
  void close() noexcept {
    is_closed_ = true;
    timer_.cancel();
    if (stream_) stream_->close();
  }
  bool is_closed() const noexcept { return is_closed_; }

 private:
  void prepare(redis_url const& as) {
    if (!as.password.empty() || !as.user.empty()) {
      if (as.user.empty()) {
        append_redis_command(out_, std::array<std::string_view, 2>{"AUTH", as.password});
      } else {
        append_redis_command(out_, std::array<std::string_view, 3>{"AUTH", as.user, as.password});
      }
      ++greetings_;
    }
    if (as.database != 0) {
      append_redis_command(out_, std::array<std::string_view, 2>{"SELECT", std::to_string(as.database)});
      ++greetings_;
    }
    is_awake_ = true;
  }

  void opened() {
    is_open_ = true;
    watch();
    if (auto const owner = owner_.lock()) owner->on_open(*this);
  }

  // Turns are counted, not time: when this program was stopped itself, what has come meanwhile is read before
  // Redis is given up.
  void watch() {
    timer_.expires_after(options_->answer_timeout / turns_without_answer);
    timer_.async_wait([self = shared_from_this()](std::error_code failure) {
      if (failure || self->is_closed_) return;
      if (++self->quiet_turns_ > turns_without_answer)
        return self->end(std::make_error_code(std::errc::timed_out));
      self->guard([&] {
        if (!std::exchange(self->is_pinged_, true)) self->send({"PING"});
        self->watch();
      });
    });
  }

  void read() {
    stream_->read_some(asio::buffer(in_),
                       [self = shared_from_this()](std::error_code failure, std::size_t size) {
                         if (failure) return self->end(failure);
                         self->guard([&] { self->take(size); });
                       });
  }
  void take(std::size_t size) {
    quiet_turns_ = 0;
    std::error_code failure = reader_.feed(in_.data(), size);
    while (!failure && !is_closed_ && reader_.next(failure)) failure = take(reader_.reply());
    if (failure) return end(failure);
    if (!is_closed_) read();
  }
  std::error_code take(redis_reply& reply) {
    if (!is_open_) {
      if (reply.is(redis_reply::kind::error)) return redis_error_of(reply.text);
      if (!reply.is_status("OK") || greetings_ == 0) return redis_error::protocol;
      if (--greetings_ == 0) opened();
      return {};
    }
    // No other command is answered so. The array is how a connection with subscriptions does.
    bool const is_pong = reply.is_status("PONG") || (reply.is_array_of(2) && reply.items[0].text == "pong");
    if (is_pong) {
      is_pinged_ = false;
    } else if (auto const owner = owner_.lock()) {
      owner->on_reply(*this, reply);
    }
    return {};
  }

  void write() {
    is_awake_ = true;
    writing_.clear();
    if (is_closed_ || out_.empty()) {
      is_awake_ = false;
      return;
    }
    writing_.swap(out_);
    stream_->write(asio::buffer(writing_), [self = shared_from_this()](std::error_code failure, std::size_t) {
      if (failure) return self->end(failure);
      self->guard([&] { self->write(); });
    });
  }

  void end_later(std::error_code why) {
    asio::post(executor_, [self = shared_from_this(), why] { self->end(why); });
  }
  void end(std::error_code why) noexcept {
    if (is_closed_) return;
    close();
    if (auto const owner = owner_.lock()) owner->on_closed(*this, why);
  }
  template <class Work>
  void guard(Work&& work) noexcept {
    try {
      work();
    } catch (std::system_error const& failure) {
      end(failure.code());
    } catch (...) {
      end(std::make_error_code(std::errc::not_enough_memory));
    }
  }

  static constexpr int turns_without_answer = 4;

  asio::any_io_executor const executor_;
  std::shared_ptr<redis_options const> const options_;
  std::weak_ptr<redis_link_owner> const owner_;
  redis_reply_reader reader_;
  asio::steady_timer timer_;
  std::unique_ptr<redis_stream> stream_;
  std::string out_;
  std::string writing_;
  std::array<char, std::size_t{16} << 10> in_;
  unsigned greetings_ = 0;  // AUTH and SELECT that are not answered yet
  int quiet_turns_ = 0;
  bool is_open_ = false;
  bool is_closed_ = false;
  bool is_awake_ = false;  // a write is under way, or about to begin
  bool is_pinged_ = false;
};

}  // namespace kindwire::detail
