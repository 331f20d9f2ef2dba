// What Redis answers, read by hiredis' reader. Redis is trusted no more than a peer: what an answer may cost
// is bounded.
#pragma once

#include <hiredis/read.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "error.hpp"

namespace kindwire::detail {

struct redis_reply {
  enum class kind : std::uint8_t { nil, string, status, error, integer, array };

  bool is(kind what) const noexcept { return type == what; }
  bool is_status(std::string_view what) const noexcept { return type == kind::status && text == what; }
  bool is_array_of(std::size_t size) const noexcept { return type == kind::array && items.size() == size; }

  kind type = kind::nil;
  std::int64_t integer = 0;
  std::string text;
  std::vector<redis_reply> items;
};

inline bool is_out_of_memory(redis_reply const& reply) noexcept {
  return reply.is(redis_reply::kind::error) && redis_error_of(reply.text) == redis_error::out_of_memory;
}

class redis_reply_reader {
 public:
  // May throw std::bad_alloc.
  explicit redis_reply_reader(std::size_t most)
      : most_(most), reader_(redisReaderCreateWithFunctions(&functions())) {
    if (!reader_) throw std::bad_alloc();
    reader_->privdata = this;
  }
  redis_reply_reader(redis_reply_reader const&) = delete;
  redis_reply_reader& operator=(redis_reply_reader const&) = delete;

  std::error_code feed(char const* bytes, std::size_t size) noexcept {
    if (size > most_ - incomplete_) return redis_error::reply_too_large;
    incomplete_ += size;
    if (redisReaderFeed(reader_.get(), bytes, size) == REDIS_OK) return {};
    return std::make_error_code(std::errc::not_enough_memory);
  }

  // True if there is a whole reply, which is there until the next call.
  bool next(std::error_code& failure) noexcept {
    void* found = nullptr;
    if (redisReaderGetReply(reader_.get(), &found) != REDIS_OK) {
      failure = why_ ? why_ : make_error_code(redis_error::protocol);
      return false;
    }
    if (found == nullptr) return false;
    if (found != root_.get()) {  // of RESP3, which was not asked for
      failure = redis_error::protocol;
      return false;
    }
    incomplete_ = reader_->len - reader_->pos;
    left_ = most_items();
    return true;
  }
  redis_reply& reply() noexcept { return *root_; }

 private:
  // Of one reply: each costs memory, however short it is.
  std::size_t most_items() const noexcept { return (std::max)(most_ / 64, std::size_t{1024}); }
  static constexpr int most_depth = 7;

  struct destroy {
    void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
  };

  static redisReplyObjectFunctions& functions() noexcept {
    static redisReplyObjectFunctions all = [] {
      redisReplyObjectFunctions made{};  // what later versions have beside these is of RESP3
      made.createString = &make_text;
      made.createArray = &make_array;
      made.createInteger = &make_integer;
      made.createNil = &make_nil;
      made.freeObject = &free_object;
      return made;
    }();
    return all;
  }

  // The place of the value that the reader has come to.
  static redis_reply* place_of(redisReadTask const* task) {
    auto& self = *static_cast<redis_reply_reader*>(task->privdata);
    if (task->parent == nullptr) {
      self.root_ = std::make_unique<redis_reply>();
      return self.root_.get();
    }
    return &static_cast<redis_reply*>(task->parent->obj)->items[static_cast<std::size_t>(task->idx)];
  }

  // Called by C. A null pointer ends the reading.
  template <class Make>
  static void* make(redisReadTask const* task, Make&& fill) noexcept {
    auto& self = *static_cast<redis_reply_reader*>(task->privdata);
    try {
      redis_reply* const place = place_of(task);
      fill(self, *place);
      return place;
    } catch (...) {
      if (!self.why_) self.why_ = std::make_error_code(std::errc::not_enough_memory);
      return nullptr;
    }
  }
  static void* make_text(redisReadTask const* task, char* text, std::size_t size) {
    return make(task, [&](redis_reply_reader&, redis_reply& to) {
      to.type = task->type == REDIS_REPLY_ERROR    ? redis_reply::kind::error
                : task->type == REDIS_REPLY_STATUS ? redis_reply::kind::status
                                                   : redis_reply::kind::string;
      to.text.assign(text, size);
    });
  }
  template <class Count>  // int, and size_t from hiredis 1.0 on
  static void* make_array(redisReadTask const* task, Count count) {
    return make(task, [&](redis_reply_reader& self, redis_reply& to) {
      int depth = 0;
      for (auto const* each = task->parent; each != nullptr; each = each->parent) ++depth;
      if (static_cast<std::size_t>(count) > self.left_ || depth > most_depth) {
        self.why_ = redis_error::reply_too_large;
        throw std::bad_alloc();
      }
      self.left_ -= static_cast<std::size_t>(count);
      to.type = redis_reply::kind::array;
      to.items.resize(static_cast<std::size_t>(count));
    });
  }
  static void* make_integer(redisReadTask const* task, long long value) {
    return make(task, [&](redis_reply_reader&, redis_reply& to) {
      to.type = redis_reply::kind::integer;
      to.integer = value;
    });
  }
  static void* make_nil(redisReadTask const* task) {
    return make(task, [](redis_reply_reader&, redis_reply&) {});
  }
  static void free_object(void*) {}  // they belong to the root

  std::size_t const most_;
  std::size_t incomplete_ = 0;  // bytes that no reply has ended with
  std::size_t left_ = most_items();
  std::error_code why_;
  std::unique_ptr<redis_reply> root_;
  std::unique_ptr<redisReader, destroy> reader_;
};

}  // namespace kindwire::detail
